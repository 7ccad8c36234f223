/**
 * Which kernels a device computes rightly, found out when it is opened: drivers differ, and a wrong picture says
 * nothing. Each form that has a plain one is tried at sizes where it is used, against the interpreter.
 */

import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { f32, type HostTensor } from '#core/tensor';
import type { Session } from '#engine/backend';
import { attention, input, linear } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph, type Graph } from '#graph/value';
import type { Form } from './shader.ts';

export interface TrialOptions {
  readonly precision: 'full' | 'half';
}

type Compile = (graph: Graph, options: TrialOptions) => Promise<Session>;

interface Trial extends TrialOptions {
  readonly form: Form;
  readonly graph: Graph;
  /** Largest difference over the largest magnitude: kernels that are right differ by rounding. */
  readonly tolerance: number;
}

function product(m: number, k: number, n: number): Graph {
  return closeGraph('self-test', { y: linear(input('x', 'f32', [m, k]), input('weight', 'f32', [n, k])) });
}

/** A U-Net's attention over a prompt, and a text encoder's over what came before. */
function attentions(): Graph {
  const [queries, context] = [input('queries', 'f32', [1, 40, 80]), input('context', 'f32', [1, 77, 80])];
  return closeGraph('self-test', {
    cross: attention(queries, context, context, { heads: 2 }),
    causal: attention(context, context, context, { heads: 5, causal: true }),
  });
}

/** `halves`: the device is to store halves; `matrix`: it has subgroup matrices. */
export async function distrustedForms(
  compile: Compile,
  { halves, matrix }: { halves: boolean; matrix: boolean },
): Promise<Set<Form>> {
  const trials: Trial[] = [
    { form: 'product', graph: product(70, 52, 66), precision: 'full', tolerance: 1e-4 },
    { form: 'attention', graph: attentions(), precision: 'full', tolerance: 1e-4 },
  ];
  // Enough rows for a matrix to be worth it, and borders that no tile divides.
  const half = { graph: product(150, 72, 140), precision: 'half', tolerance: 5e-3 } as const;
  if (halves && matrix) trials.push({ ...half, form: 'matrix' });
  if (halves) trials.push({ ...half, form: 'halves' });
  const wrong = new Set<Form>();
  for (const trial of trials) if (!(await passes(compile, trial))) wrong.add(trial.form);
  return wrong;
}

async function passes(compile: Compile, { graph, tolerance, precision }: Trial): Promise<boolean> {
  const noise = new TorchCpuGenerator(1);
  const feeds = Object.fromEntries(
    graph.inputs.map(({ attrs, shape }) => [attrs.name, f32(shape as number[], noise.randn(shape as number[]))]),
  );
  try {
    const session = await compile(graph, { precision });
    const got = await session.run(feeds);
    await session.dispose();
    const right = interpret(graph, feeds);
    return Object.keys(right).every((name) => isClose(got[name]!, right[name]!, tolerance));
  } catch {
    return false;
  }
}

function isClose(got: HostTensor, right: HostTensor, tolerance: number): boolean {
  const [a, b] = [got.data as Float32Array, right.data as Float32Array];
  const scale = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return a.length === b.length && a.every((x, i) => Math.abs(x - b[i]!) <= tolerance * scale);
}
