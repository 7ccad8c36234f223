/**
 * An open device: what it can do, its memory, its compiled shaders. It is handed in open (a `main` knows where devices
 * come from), so that the same code runs in Node and in browsers.
 */

import { DarkroomError } from '#core/errors';
import { EngineError, toEngineError } from '#engine/errors';
import { type DeviceMemory, MemoryPool, type TakeMemory, usage } from './memory.ts';
import type { DeviceTraits, MatrixShape } from './shader.ts';

/** What a `main` hands in. */
export interface OpenDevice {
  readonly device: GPUDevice;
  /** For people: vendor, architecture, driver. */
  readonly description: string;
  /** It computes on the processor: right, and slower than the CPU's own backend. */
  readonly software: boolean;
  /** Small matrices of subgroups with halves in and f32 accumulated, where subgroups have one width. */
  readonly matrix?: MatrixShape;
  /** Narrower limits than the device's own, for tests. */
  readonly limits?: { readonly bindingBytes?: number; readonly bufferBytes?: number; readonly storageBuffers?: number };
  /** Keeps whatever owns the device alive. */
  readonly owner?: unknown;
}

/** The device went away: driver restart, reset, unplugged. A new one may be had. */
export class DeviceLostError extends EngineError {
  constructor(reason: string) {
    super('lost', 'webgpu', `the graphics device was lost (${reason || 'no reason given'})`);
  }
}

export class Gpu {
  readonly device: GPUDevice;
  readonly description: string;
  readonly pool: MemoryPool;
  /** Held, so that it lives as long as the device. */
  readonly owner: unknown;
  traits: DeviceTraits;
  /** Set once the device is gone. */
  lost: DeviceLostError | undefined;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #staging: GPUBuffer[] = [];
  #closed = false;

  constructor({ device, description, matrix, limits = {}, owner }: OpenDevice) {
    this.device = device;
    this.owner = owner;
    this.description = description;
    const own = device.limits;
    this.traits = {
      f16: device.features.has('shader-f16'),
      bindingBytes: limits.bindingBytes ?? own.maxStorageBufferBindingSize,
      storageBuffers: limits.storageBuffers ?? own.maxStorageBuffersPerShaderStage,
      workgroupBytes: own.maxComputeWorkgroupStorageSize,
      workgroupsPerDimension: own.maxComputeWorkgroupsPerDimension,
      matrix,
      distrusted: new Set(),
    };
    this.pool = new MemoryPool(device, this.traits.bindingBytes, limits.bufferBytes ?? own.maxBufferSize);
    void device.lost.then(({ message, reason }) => {
      if (!this.#closed) this.lost = new DeviceLostError(message || reason || '');
    });
  }

  close(): void {
    this.#closed = true;
    this.device.destroy();
  }

  /** Compiled once for equal text. */
  pipeline(label: string, code: string): Promise<GPUComputePipeline> {
    let known = this.#pipelines.get(code);
    if (!known) {
      known = this.#compile(label, code);
      this.#pipelines.set(code, known);
    }
    return known;
  }

  async #compile(label: string, code: string): Promise<GPUComputePipeline> {
    // What is wrong with the text rejects the pipeline; it need not reach the device's handler as well.
    this.device.pushErrorScope('validation');
    const module = this.device.createShaderModule({ label, code });
    const pipeline = this.device.createComputePipelineAsync({
      label,
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    const [made, invalid] = await Promise.allSettled([pipeline, this.device.popErrorScope()]);
    if (made.status === 'fulfilled') return made.value;
    const reason = invalid.status === 'fulfilled' ? invalid.value?.message : undefined;
    throw reason === undefined ? made.reason : new Error(reason, { cause: made.reason });
  }

  /** A buffer to read results from; `give` it back afterwards. */
  takeStaging(bytes: number): GPUBuffer {
    const i = this.#staging.findIndex((b) => b.size >= bytes && b.size <= 4 * bytes + 65536);
    return i >= 0
      ? this.#staging.splice(i, 1)[0]!
      : this.device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyTarget });
  }

  giveStaging(buffer: GPUBuffer): void {
    this.#staging.push(buffer);
    while (this.#staging.length > 8) this.#staging.shift()!.destroy();
  }

  /**
   * Does `work` and reports what the device finds wrong with it: an EngineError `out-of-memory`, or `failure`.
   * `work` must give everything to the device before it first waits.
   */
  async watch<T>(failure: 'compile' | 'run', doing: string, work: () => T | Promise<T>): Promise<T> {
    if (this.lost) throw this.lost;
    const { device } = this;
    for (const filter of ['validation', 'out-of-memory', 'internal'] as const) device.pushErrorScope(filter);
    let result: T | Promise<T>;
    let thrown: unknown;
    try {
      result = work();
    } catch (e) {
      thrown = e;
    }
    const scopes = Promise.all([device.popErrorScope(), device.popErrorScope(), device.popErrorScope()]);
    const settled = await Promise.allSettled([result!, scopes]);
    // A lost device says so a moment later.
    if (settled.some((s) => s.status === 'rejected') || thrown !== undefined) await Promise.resolve();
    if (this.lost) throw this.lost;
    const [value, errors] = settled;
    if (errors.status === 'fulfilled') {
      const [internal, memory, validation] = errors.value;
      if (memory) throw outOfMemory(doing, this.pool.allocated, memory.message);
      const error = validation ?? internal;
      if (error) throw toEngineError(failure, 'webgpu', doing, error);
    }
    if (thrown !== undefined) throw asEngineError(failure, doing, thrown);
    if (value.status === 'rejected') throw asEngineError(failure, doing, value.reason);
    return value.value;
  }

  /**
   * Fills memory of the pool, all or nothing. Where the device has none left, what the pool keeps free is given back,
   * and it is tried once more.
   */
  async reserve<T>(purpose: string, fill: (take: TakeMemory) => T): Promise<T> {
    const attempt = async (): Promise<T> => {
      const taken: DeviceMemory[] = [];
      const take: TakeMemory = (bytes) => {
        const memory = this.pool.take(bytes);
        taken.push(memory);
        return memory;
      };
      try {
        return await this.watch('compile', `reserving memory for ${purpose}`, () => fill(take));
      } catch (e) {
        for (const memory of taken) this.pool.destroy(memory);
        throw e;
      }
    };
    try {
      return await attempt();
    } catch (e) {
      if (!(e instanceof EngineError && e.failure === 'out-of-memory')) throw e;
      this.pool.trim();
      return await attempt();
    }
  }
}

function asEngineError(failure: 'compile' | 'run', doing: string, cause: unknown): unknown {
  return cause instanceof DarkroomError ? cause : toEngineError(failure, 'webgpu', doing, cause);
}

function outOfMemory(doing: string, held: number, reason: string): EngineError {
  const message = `webgpu ran out of device memory while ${doing} (${(held / 2 ** 20).toFixed(0)} MiB held); use a smaller size, a smaller batch or tiles (${reason})`;
  return new EngineError('out-of-memory', 'webgpu', message);
}
