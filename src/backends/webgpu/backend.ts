/**
 * The graph on WebGPU, in shaders of our own. Nothing here knows Node or a page: a `main` opens the device and says how
 * bytes of files are read.
 *
 * Left out: f64 (WGSL has none), integers of 64 bits (narrowed, and refused where they do not fit), and the order of
 * integer overflow in types narrower than 32 bits except at casts.
 */

import type { HostTensor } from '#core/tensor';
import type { Backend, CompileOptions, DeviceTensor, Session } from '#engine/backend';
import type { Graph } from '#graph/value';
import { Gpu, type OpenDevice } from './device.ts';
import { bytesOf } from './place.ts';
import type { Precision } from './planner.ts';
import { writeWords } from './program.ts';
import { createSession } from './session.ts';
import { GpuTensor } from './tensor.ts';
import type { ReadRange } from './weights.ts';

export interface WebGpuOptions {
  /** Opens a device: before the first session, and again after one was lost. */
  readonly open: () => Promise<OpenDevice>;
  /** Needed for weights that lie in files. */
  readonly readRange?: ReadRange;
  /** Default `full`. */
  readonly precision?: Precision;
  /** What went another way than it should have, in a sentence. */
  readonly warn?: (message: string) => void;
}

export function createWebGpuBackend({ open, readRange, precision = 'full', warn = () => {} }: WebGpuOptions): Backend {
  const sessions = new Set<Session>();
  let current: Promise<Gpu> | undefined;

  async function opened(): Promise<Gpu> {
    if (current && (await current).lost) current = undefined;
    current ??= open().then((device) => new Gpu(device));
    current.catch(() => {
      current = undefined;
    });
    return await current;
  }

  async function compile(graph: Graph, options: CompileOptions = {}): Promise<Session> {
    const gpu = await opened();
    const onDispose = (s: Session): void => void sessions.delete(s);
    const session = await createSession({ gpu, graph, options, precision, readRange, warn, onDispose });
    sessions.add(session);
    return session;
  }

  async function upload(tensor: HostTensor): Promise<DeviceTensor> {
    const gpu = await opened();
    return await gpu.watch('run', 'bringing a tensor to the device', () => {
      const memory = gpu.pool.take(bytesOf({ storage: 'f32', elements: tensor.data.length }));
      writeWords(gpu, memory, tensor);
      return new GpuTensor(gpu, tensor.dtype, tensor.shape, memory);
    });
  }

  async function dispose(): Promise<void> {
    await Promise.all([...sessions].map((s) => s.dispose()));
    const gpu = await current?.catch(() => undefined);
    current = undefined;
    gpu?.close();
  }

  return { name: 'webgpu', compile, upload, dispose };
}
