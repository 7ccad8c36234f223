/**
 * The graph on WebGPU, in shaders of our own. Nothing here knows Node or a page: a `main` opens the device and says how
 * bytes of files are read.
 *
 * Left out: f64 (WGSL has none), integers of 64 bits (narrowed, and refused where they do not fit), and the order of
 * integer overflow in types narrower than 32 bits except at casts.
 */

import type { HostTensor } from '#core/tensor';
import type { Backend, CompileOptions, DeviceTensor, Session } from '#engine/backend';
import { EngineError } from '#engine/errors';
import type { Graph } from '#graph/value';
import { Gpu, type OpenDevice } from './device.ts';
import { bytesOf } from './place.ts';
import { writeWords } from './program.ts';
import { distrustedForms } from './self-test.ts';
import { createSession, type GpuSession } from './session.ts';
import type { Form } from './shader.ts';
import { GpuTensor } from './tensor.ts';
import type { ReadRange } from './weights.ts';

export interface WebGpuOptions {
  /** Opens a device: before the first session, and again after one was lost. */
  readonly open: () => Promise<OpenDevice>;
  /** Needed for weights that lie in files. */
  readonly readRange?: ReadRange;
  /**
   * Where sessions allow half precision: on devices that store halves (default), nowhere, or everywhere, with results
   * rounded as a device with halves would round them.
   */
  readonly halves?: 'native' | 'never' | 'emulated';
  /** What went another way than it should have, in a sentence. */
  readonly warn?: (message: string) => void;
}

/** What is known of an open device. */
export interface DeviceReport {
  readonly description: string;
  readonly software: boolean;
  readonly halves: boolean;
  readonly matrix: boolean;
  /** Kernels that it computed wrongly, so that their plain forms are used. */
  readonly distrusted: readonly Form[];
}

export interface WebGpuBackend extends Backend {
  compile(graph: Graph, options?: CompileOptions): Promise<GpuSession>;
  /** Opens the device where that has not happened. Rejects with an EngineError. */
  report(): Promise<DeviceReport>;
}

interface Opened {
  readonly gpu: Gpu;
  readonly software: boolean;
}

export function createWebGpuBackend(options: WebGpuOptions): WebGpuBackend {
  const { open, readRange, halves = 'native', warn = () => {} } = options;
  const sessions = new Set<Session>();
  let current: Promise<Opened> | undefined;

  async function opened(): Promise<Opened> {
    if (current && (await current).gpu.lost) current = undefined;
    if (!current) {
      current = openTested();
      current.catch(() => {
        current = undefined;
      });
    }
    return await current;
  }

  async function openTested(): Promise<Opened> {
    const device = await open();
    const gpu = new Gpu(device);
    const trusts = { halves: halves === 'native' && gpu.traits.f16, matrix: gpu.traits.matrix !== undefined };
    const distrusted = await distrustedForms((graph, trial) => compileOn(gpu, graph, trial, true), trusts);
    gpu.traits = { ...gpu.traits, distrusted };
    if (distrusted.has('product') && !(await worksPlainly(gpu))) {
      gpu.close();
      throw new EngineError(
        'unavailable',
        'webgpu',
        `${device.description} computes wrongly even in the plainest form`,
      );
    }
    for (const form of distrusted) {
      warn(`${device.description} computes ${formNames[form]} wrongly; a plainer form is used.`);
    }
    return { gpu, software: device.software };
  }

  async function worksPlainly(gpu: Gpu): Promise<boolean> {
    const plain = (graph: Graph): Promise<Session> => compileOn(gpu, graph, { precision: 'full' }, true);
    return !(await distrustedForms(plain, { halves: false, matrix: false })).has('product');
  }

  function allowsHalf(gpu: Gpu, trial: boolean): boolean {
    if (halves === 'emulated') return true;
    return halves === 'native' && gpu.traits.f16 && (trial || !gpu.traits.distrusted.has('halves'));
  }

  async function compileOn(
    gpu: Gpu,
    graph: Graph,
    compileOptions: CompileOptions,
    trial: boolean,
  ): Promise<GpuSession> {
    const half = compileOptions.precision === 'half' && allowsHalf(gpu, trial);
    const session = await createSession({
      gpu,
      graph,
      options: compileOptions,
      precision: half ? 'half' : 'full',
      readRange,
      warn,
      onDispose: (s) => void sessions.delete(s),
    });
    sessions.add(session);
    return session;
  }

  async function upload(tensor: HostTensor): Promise<DeviceTensor> {
    const { gpu } = await opened();
    return await gpu.reserve('a tensor that is brought to the device', (take) => {
      const memory = take(bytesOf({ storage: 'f32', elements: tensor.data.length }));
      writeWords(gpu, memory, tensor);
      return new GpuTensor(gpu, tensor.dtype, tensor.shape, memory);
    });
  }

  async function report(): Promise<DeviceReport> {
    const { gpu, software } = await opened();
    const { f16, matrix, distrusted } = gpu.traits;
    const { description } = gpu;
    return { description, software, halves: f16, matrix: matrix !== undefined, distrusted: [...distrusted] };
  }

  async function dispose(): Promise<void> {
    await Promise.all([...sessions].map((s) => s.dispose()));
    const last = await current?.catch(() => undefined);
    current = undefined;
    last?.gpu.close();
  }

  return {
    name: 'webgpu',
    compile: async (graph, compileOptions = {}) => compileOn((await opened()).gpu, graph, compileOptions, false),
    upload,
    report,
    dispose,
  };
}

const formNames: Readonly<Record<Form, string>> = {
  product: 'matrix products',
  attention: 'attention',
  matrix: 'products on subgroup matrices',
  halves: 'in half precision',
};
