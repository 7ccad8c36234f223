/** Devices of this machine through npm `webgpu`, which is Dawn's own binding, and the ranges of its files. */

import { open } from 'node:fs/promises';
import type { OpenDevice } from '#backends/webgpu/device';
import { openAdapter } from '#backends/webgpu/open-adapter';
import { EngineError, toEngineError } from '#engine/errors';

/**
 * Dawn's switches. Without the memory model and f16 on NVIDIA it offers neither halves nor subgroup matrices there.
 * Shared memory need not be zeroed: our kernels write before they read, and a software driver takes ten times as long
 * to compile the zeroing as the kernel.
 */
const features = [
  'allow_unsafe_apis',
  'use_vulkan_memory_model',
  'vulkan_enable_f16_on_nvidia',
  'disable_workgroup_init',
];

export interface NodeDeviceOptions {
  /** Part of an adapter's name, where there is more than one (Dawn's own switch). */
  readonly adapter?: string;
  /** Dawn's backend: `vulkan`, `d3d12`, `metal`, or `null`, which compiles and computes nothing. */
  readonly api?: string;
  readonly limits?: OpenDevice['limits'];
}

/** @throws EngineError `unavailable` where the module, a driver or an adapter is missing */
export async function openNodeDevice({ adapter: name, api, limits }: NodeDeviceOptions = {}): Promise<OpenDevice> {
  const { create, globals } = await import('webgpu').catch((cause: unknown) => {
    throw toEngineError('unavailable', 'webgpu', 'loading npm webgpu', cause);
  });
  Object.assign(globalThis, globals);
  // Times of kernels are for benchmarks; nothing here has to be kept from telling them.
  const switches = [`enable-dawn-features=${features.join(',')}`, 'disable-dawn-features=timestamp_quantization'];
  if (name !== undefined) switches.push(`adapter=${name}`);
  if (api !== undefined) switches.push(`backend=${api}`);
  const gpu = create(switches);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch((cause: Error) => {
    // Names the adapters that there are, a line each.
    const message = `no WebGPU adapter ${name ?? ''} on this machine: ${cause.message.replace(/\s+/g, ' ')}`;
    throw new EngineError('unavailable', 'webgpu', message, { cause });
  });
  if (!adapter) {
    const what = name === undefined ? 'no WebGPU adapter' : `no WebGPU adapter whose name has ${name} in it`;
    throw new EngineError('unavailable', 'webgpu', `${what} on this machine`);
  }
  return await openAdapter(adapter, { limits, owner: gpu });
}

/** Reads part of a file. */
export async function readFileRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}
