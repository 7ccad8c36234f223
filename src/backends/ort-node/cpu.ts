/**
 * The backend of Node: ONNX Runtime's native library, on the CPU or on one of its accelerators.
 *
 * A run blocks the event loop until it ends and cannot be cancelled; callers that must stay responsive run it in a
 * process of their own. The library is loaded by the first `compile`, not by the import of this module.
 */

import type * as Ort from 'onnxruntime-node';
import type { Backend, CompileOptions, ForeignSession, Session, WeightSource } from '#engine/backend';
import { EngineError, toEngineError } from '#engine/errors';
import { encodeModel } from '#formats/onnx-proto';
import type { BlockPacking } from '#formats/packing';
import type { Graph } from '#graph/value';
import type { AttentionForm } from '#onnx/builder';
import { type LoweredGraph, lowerGraph } from '#onnx/lower';
import { blocksOf } from '#onnx/unpack';
import type { LoweredWeights } from '#onnx/weights';
import { attentionSelfTest, hasAttention } from './attention-self-test.ts';
import { blockSelfTest } from './block-self-test.ts';
import { createForeignSession } from './foreign.ts';
import { compileFused } from './fused.ts';
import { createOrtSession } from './session.ts';
import { isFeedable } from './tensors.ts';
import { prepareWeights } from './weights.ts';

/** Execution providers of onnxruntime-node; which of them work depends on the machine. */
export type OrtDevice = 'cpu' | 'webgpu' | 'cuda' | 'coreml' | 'dml';

export interface OrtNodeOptions {
  readonly device: OrtDevice;
  /** Threads of one session on the CPU; by default one for each physical core. */
  readonly threads?: number;
}

/** Options whose weights are ready for a model. */
type LoweredOptions = Omit<CompileOptions, 'weights'> & { readonly weights?: LoweredWeights };

/** A backend that says which form of attention its device computes rightly. */
export interface OrtNodeBackend extends Backend {
  openOnnx(path: string): Promise<ForeignSession>;
  attentionForm(): Promise<AttentionForm>;
}

export function createOrtNodeBackend({ device, threads }: OrtNodeOptions): OrtNodeBackend {
  const sessions = new Set<Session>();
  let tested: Promise<AttentionForm> | undefined;
  let blocksTested: ReturnType<typeof blockSelfTest> | undefined;

  /** Found out once a backend: the runtime's kernels for accelerators are right on some adapters and wrong on others. */
  function attentionForm(): Promise<AttentionForm> {
    if (device === 'cpu') return Promise.resolve('fused');
    tested ??= attentionSelfTest((graph) => compileWith(graph, {}, 'fused'));
    return tested;
  }

  async function compile(graph: Graph, options: CompileOptions = {}): Promise<Session> {
    const weights = options.weights && (await prepareWeights(graph, options.weights, await keptBlocks(graph, options)));
    return compileWith(graph, { ...options, weights }, hasAttention(graph) ? await attentionForm() : 'fused');
  }

  /** Found out once a backend, and only for a graph that has such weights. */
  async function keptBlocks(graph: Graph, { weights }: CompileOptions): Promise<(packing: BlockPacking) => boolean> {
    const packed = graph.parameters.some(({ attrs }) => weights?.get(attrs.name)?.kind === 'packed');
    if (!packed || device !== 'cpu') return () => false;
    blocksTested ??= blockSelfTest(async (sample, source) => {
      return compileWith(sample, { weights: await prepareWeights(sample, source, () => true) }, 'fused');
    });
    return blocksTested;
  }

  async function keptInBlocks(graph: Graph, weights: WeightSource): Promise<ReadonlySet<string>> {
    return blocksOf(graph, weights, await keptBlocks(graph, { weights }));
  }

  async function compileWith(graph: Graph, options: LoweredOptions, attention: AttentionForm): Promise<Session> {
    const ort = await loadRuntime(device);
    const target = device === 'cpu' ? 'cpu' : 'gpu';
    const lowered = lowerGraph(graph, { ...options, target, attention });
    for (const { name, value } of [...lowered.inputs, ...lowered.outputs]) {
      if (!isFeedable(value.dtype)) {
        throw new EngineError(
          'compile',
          device,
          `${graph.name}: ${name} is ${value.dtype}, cast it to f32 in the graph`,
        );
      }
    }
    const settings = sessionSettings(device, lowered, { ...options, threads: options.threads ?? threads });
    const inner = await ort.InferenceSession.create(encodeModel(lowered.model), settings).catch((cause: unknown) => {
      throw toEngineError('compile', device, `loading ${graph.name}`, cause);
    });
    const { inputs, outputs } = lowered;
    const onDispose = (): void => void sessions.delete(session);
    const bindings = options.bindings ?? {};
    const session = createOrtSession({ ort, backend: device, graph, inner, inputs, outputs, bindings, onDispose });
    sessions.add(session);
    return session;
  }

  async function openOnnx(path: string): Promise<ForeignSession> {
    const ort = await loadRuntime(device);
    const settings = { executionProviders: [device], logSeverityLevel: 3 } as const;
    const inner = await ort.InferenceSession.create(path, settings).catch((cause: unknown) => {
      throw toEngineError('compile', device, `loading ${path}`, cause);
    });
    return createForeignSession(ort, device, inner);
  }

  async function dispose(): Promise<void> {
    await Promise.all([...sessions].map((s) => s.dispose()));
  }

  return {
    name: device,
    compile,
    keptInBlocks,
    attentionForm,
    openOnnx,
    dispose,
    ...(device === 'cpu' && { fuse: compileFused }),
  };
}

async function loadRuntime(device: OrtDevice): Promise<typeof Ort> {
  try {
    const ort = await import('onnxruntime-node');
    // What goes wrong is thrown; its own lines would stand before the sentence that says so.
    ort.env.logLevel = 'fatal';
    return ort;
  } catch (cause) {
    const doing = `loading onnxruntime-node for ${process.platform}-${process.arch}`;
    throw toEngineError('unavailable', device, doing, cause);
  }
}

function sessionSettings(
  device: OrtDevice,
  { externalFolder, externalBytes, hostNodes }: LoweredGraph,
  options: { readonly threads?: number | undefined; readonly optimize?: 'speed' | 'load' },
): Ort.InferenceSession.SessionOptions {
  const config: Record<string, unknown> = {
    // Threads that spin between runs keep an idle desktop busy.
    intra_op: { allow_spinning: '1' },
    ...(options.optimize === 'load' && { disable_prepacking: '1' }),
    ...(externalFolder !== undefined && { model_external_initializers_file_folder_path: externalFolder }),
  };
  return {
    executionProviders: [
      device === 'webgpu' && hostNodes.length > 0 ? { name: device, forceCpuNodeNames: hostNodes } : device,
    ],
    logSeverityLevel: 4,
    extra: { session: config },
    ...(options.threads !== undefined && { intraOpNumThreads: options.threads }),
    ...(externalBytes.length > 0 && {
      externalData: externalBytes.map(({ location, bytes }) => ({ path: location, data: bytes })),
    }),
  };
}
