/** One compiled graph in ONNX Runtime. */

import type * as Ort from 'onnxruntime-node';
import type { HostTensor } from '#core/tensor';
import type { Feeds, RunOptions, Session } from '#engine/backend';
import { EngineError, toEngineError } from '#engine/errors';
import { checkFeeds, checkOutput } from '#engine/feeds';
import type { Graph, Value } from '#graph/value';
import type { ModelPort } from '#onnx/lower';
import { fromOrt, toOrt } from './tensors.ts';

export interface OrtSessionParts {
  readonly ort: typeof Ort;
  readonly backend: string;
  readonly graph: Graph;
  readonly inner: Ort.InferenceSession;
  readonly inputs: readonly ModelPort[];
  readonly outputs: readonly ModelPort[];
  readonly bindings: Readonly<Record<string, number>>;
  readonly onDispose: () => void;
}

export function createOrtSession(parts: OrtSessionParts): Session {
  const { ort, backend, graph, inner, inputs, outputs, bindings } = parts;
  const leaves = inputs.map((p) => p.value as Value<'input'> | Value<'parameter'>);
  let disposed = false;

  async function run(feeds: Feeds, { into = {} }: RunOptions = {}): Promise<Record<string, HostTensor>> {
    if (disposed) throw new EngineError('disposed', backend, `the session of ${graph.name} is disposed`);
    const sizes = checkFeeds(backend, leaves, feeds, bindings);
    for (const { name, value } of outputs) if (into[name]) checkOutput(backend, name, value, into[name], sizes);
    const fed: Record<string, Ort.Tensor> = {};
    for (const { name, modelName } of inputs) fed[modelName] = toOrt(ort, feeds[name]!);
    const fetches: Record<string, Ort.Tensor | null> = {};
    for (const { name, modelName } of outputs) fetches[modelName] = into[name] ? toOrt(ort, into[name]) : null;
    const results = await inner.run(fed, fetches).catch((cause: unknown) => {
      throw toEngineError('run', backend, `running ${graph.name}`, cause);
    });
    const named: Record<string, HostTensor> = {};
    // The runtime fills a preallocated tensor's own memory; what it returns for it is a copy.
    for (const { name, modelName, value } of outputs)
      named[name] = into[name] ?? fromOrt(results[modelName]!, value.dtype);
    return named;
  }

  async function dispose(): Promise<void> {
    if (disposed) return;
    disposed = true;
    parts.onDispose();
    await inner.release();
  }

  return { graph, run, dispose };
}
