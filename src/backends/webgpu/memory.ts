/** Buffers on the device: what a place occupies, and a pool that keeps what is free for the next who asks. */

import type { Binding } from './shader.ts';

/** WebGPU's flags by value: the names are globals of browsers. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 128, queryResolve: 512 } as const;

export interface MemoryPart {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly length: number;
  readonly at: number;
}

/** One buffer, or, where a place is larger than a buffer may be, one for each window that shaders bind. */
export class DeviceMemory {
  readonly bytes: number;
  readonly buffers: readonly GPUBuffer[];
  /** Bytes of every buffer but the last. */
  readonly window: number;

  constructor(bytes: number, buffers: readonly GPUBuffer[], window: number) {
    this.bytes = bytes;
    this.buffers = buffers;
    this.window = window;
  }

  bind({ offset, size }: Binding): GPUBufferBinding {
    if (this.buffers.length === 1) return { buffer: this.buffers[0]!, offset, size };
    return { buffer: this.buffers[Math.floor(offset / this.window)]!, size };
  }

  /** The parts of buffers that hold `length` bytes from `offset`; `at` counts from there. */
  parts(offset: number, length: number): MemoryPart[] {
    const parts: MemoryPart[] = [];
    const window = this.buffers.length === 1 ? Number.POSITIVE_INFINITY : this.window;
    for (let at = offset; at < offset + length; ) {
      const k = window === Number.POSITIVE_INFINITY ? 0 : Math.floor(at / window);
      const start = k === 0 ? 0 : k * window;
      const end = Math.min(offset + length, start + window);
      parts.push({ buffer: this.buffers[k]!, offset: at - start, length: end - at, at: at - offset });
      at = end;
    }
    return parts;
  }

  destroy(): void {
    for (const b of this.buffers) b.destroy();
  }
}

export type TakeMemory = (bytes: number) => DeviceMemory;

/** Free memory that is at most this much too large is used rather than new memory. */
const SLACK = 1.25;

export class MemoryPool {
  readonly #device: GPUDevice;
  readonly #bindingBytes: number;
  readonly #bufferBytes: number;
  readonly #free: DeviceMemory[] = [];
  /** Bytes of all memory that exists. */
  allocated = 0;

  constructor(device: GPUDevice, bindingBytes: number, bufferBytes: number) {
    this.#device = device;
    this.#bindingBytes = bindingBytes;
    this.#bufferBytes = bufferBytes;
  }

  /** Memory that nothing else uses. Failures are reported to the device's error scopes. */
  take(bytes: number): DeviceMemory {
    let best = -1;
    this.#free.forEach((m, i) => {
      if (m.bytes >= bytes && m.bytes <= bytes * SLACK && (best < 0 || m.bytes < this.#free[best]!.bytes)) best = i;
    });
    return best >= 0 ? this.#free.splice(best, 1)[0]! : this.#create(bytes);
  }

  give(memory: DeviceMemory): void {
    this.#free.push(memory);
  }

  destroy(memory: DeviceMemory): void {
    this.allocated -= memory.bytes;
    memory.destroy();
  }

  /** Gives free memory back to the device. */
  trim(): void {
    for (const memory of this.#free.splice(0)) this.destroy(memory);
  }

  #create(bytes: number): DeviceMemory {
    this.allocated += bytes;
    const flags = usage.storage | usage.copySource | usage.copyTarget;
    const make = (size: number): GPUBuffer => this.#device.createBuffer({ size, usage: flags });
    if (bytes <= this.#bufferBytes) return new DeviceMemory(bytes, [make(bytes)], bytes);
    const window = Math.floor(this.#bindingBytes / 256) * 256;
    const count = Math.ceil(bytes / window);
    const buffers = Array.from({ length: count }, (_, k) => make(Math.min(window, bytes - k * window)));
    return new DeviceMemory(bytes, buffers, window);
  }
}
