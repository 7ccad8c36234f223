/**
 * Whether a device computes ONNX Runtime's fused attention (`MultiHeadAttention`) rightly. On WebGPU that depends on the
 * adapter: exact on some, wrong by a third on others from 32 queries and keys on, where products and softmax by
 * themselves are right. So it is tried at the sizes of real networks, against the interpreter.
 */

import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import type { Feeds, Session } from '#engine/backend';
import { attention, input } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph, type Graph, topological } from '#graph/value';
import type { AttentionForm } from '#onnx/builder';

export function hasAttention(graph: Graph): boolean {
  return topological(Object.values(graph.outputs)).some((v) => v.op === 'attention');
}

/** `compile` must lower attention to its fused form. */
export async function attentionSelfTest(compile: (graph: Graph) => Promise<Session>): Promise<AttentionForm> {
  const graph = sampleGraph();
  const feeds = sampleFeeds(graph);
  const session = await compile(graph);
  const got = await session.run(feeds);
  await session.dispose();
  const right = interpret(graph, feeds);
  return Object.keys(right).every((name) => isClose(got[name]!, right[name]!)) ? 'fused' : 'plain';
}

/** A U-Net's attention over a prompt, and a text encoder's over what came before. */
function sampleGraph(): Graph {
  const [queries, context] = [input('queries', 'f32', [1, 64, 320]), input('context', 'f32', [1, 77, 320])];
  return closeGraph('attention self-test', {
    cross: attention(queries, context, context, { heads: 8 }),
    causal: attention(context, context, context, { heads: 5, causal: true }),
  });
}

function sampleFeeds(graph: Graph): Feeds {
  const noise = new TorchCpuGenerator(1);
  return Object.fromEntries(
    graph.inputs.map(({ attrs, shape }) => {
      const sizes = shape as number[];
      return [attrs.name, f32(sizes, noise.randn(sizes))];
    }),
  );
}

/** Kernels that are right differ by rounding, 1e-5 of the largest value; wrong ones by 0.1 and more. */
function isClose(got: HostTensor, right: HostTensor): boolean {
  const [a, b] = [got.data as Float32Array, right.data as Float32Array];
  const scale = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return sizeOf(got.shape) === b.length && a.every((x, i) => Math.abs(x - b[i]!) <= 2e-3 * scale);
}
