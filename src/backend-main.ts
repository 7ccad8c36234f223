/**
 * Composition root of backends: makes the one that a device's name stands for. `webgpu` is the faster of our own
 * shaders and ONNX Runtime's on this adapter; `webgpu-own` and `webgpu-runtime` insist on one.
 */

import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { createOrtNodeBackend, type OrtDevice } from '#backends/ort-node/cpu';
import { createWebGpuBackend, type WebGpuBackend } from '#backends/webgpu/backend';
import { openNodeDevice, readFileRange } from '#backends/webgpu-node/device';
import { UserError } from '#core/errors';
import type { Backend } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { fasterOf } from '#engine/faster';

export const devices = [
  'cpu',
  'webgpu',
  'webgpu-own',
  'webgpu-runtime',
  'cuda',
  'coreml',
  'dml',
] as const satisfies readonly (OrtDevice | `webgpu-${string}`)[];

export type Device = (typeof devices)[number];

/** @throws UserError `engine.device` */
export function knownDevice(device: string): Device {
  const known = devices.find((d) => d === device);
  if (!known) throw new UserError('engine.device', `There is no device ${device}; known: ${devices.join(', ')}.`);
  return known;
}

export interface BackendSettings {
  readonly threads?: number | undefined;
  readonly warn?: (message: string) => void;
}

export function createBackend(device: Device, { threads, warn }: BackendSettings = {}): Backend {
  if (device === 'webgpu-own') return createOwnWebGpu(warn);
  if (device === 'webgpu') return lazily('webgpu', () => chooseWebGpu(warn));
  return createOrtNodeBackend({ device: device === 'webgpu-runtime' ? 'webgpu' : device, threads });
}

/** `DARKROOM_ADAPTER` holds part of the name of the adapter to use, where a machine has more than one. */
export function createOwnWebGpu(warn?: (message: string) => void): WebGpuBackend {
  const adapter = process.env.DARKROOM_ADAPTER;
  return createWebGpuBackend({ open: () => openNodeDevice({ adapter }), readRange: readFileRange, warn });
}

/**
 * Our own where it opens, unless the runtime's is measured to be faster. On software adapters nothing is measured: they
 * are for tests, and a trial there takes seconds.
 */
async function chooseWebGpu(warn?: (message: string) => void): Promise<Backend> {
  const own = createOwnWebGpu(warn);
  try {
    const { software } = await own.report();
    if (software) return own;
  } catch (e) {
    if (!(e instanceof EngineError && e.failure === 'unavailable')) throw e;
    await own.dispose();
    return createOrtNodeBackend({ device: 'webgpu' });
  }
  return await fasterOf(own, createOrtNodeBackend({ device: 'webgpu' }), {
    now: () => performance.now(),
    failed(backend, cause) {
      const whose = backend === own ? 'Darkroom’s own shaders' : 'ONNX Runtime’s shaders';
      warn?.(
        `${whose} failed their trial on this adapter (${cause instanceof Error ? cause.message : String(cause)}).`,
      );
    },
  });
}

/** A backend that is made when it is first needed. */
function lazily(name: string, make: () => Promise<Backend>): Backend {
  let made: Promise<Backend> | undefined;
  const get = (): Promise<Backend> => {
    made ??= make();
    made.catch(() => {
      made = undefined;
    });
    return made;
  };
  return {
    name,
    compile: async (graph, options) => (await get()).compile(graph, options),
    // Files of others are small networks, and may hold what no shader of ours computes.
    openOnnx: async (path) => await createOrtNodeBackend({ device: 'cpu' }).openOnnx(path),
    upload: async (tensor) => await (await get()).upload?.(tensor),
    dispose: async () => (await made?.catch(() => undefined))?.dispose(),
  };
}
