/** Tensors that stay on the device between runs. */

import type { DType } from '#core/dtype';
import { type HostTensor, type Shape, sizeOf } from '#core/tensor';
import type { DeviceTensor } from '#engine/backend';
import { EngineError } from '#engine/errors';
import type { Gpu } from './device.ts';
import type { DeviceMemory } from './memory.ts';
import { fromWords } from './transfer.ts';

/** A tensor of this backend; its memory goes back to the pool when it is disposed. */
export class GpuTensor implements DeviceTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly gpu: Gpu;
  #memory: DeviceMemory | undefined;

  constructor(gpu: Gpu, dtype: DType, shape: Shape, memory: DeviceMemory) {
    this.gpu = gpu;
    this.dtype = dtype;
    this.shape = shape;
    this.#memory = memory;
  }

  get memory(): DeviceMemory {
    if (!this.#memory)
      throw new EngineError('disposed', 'webgpu', 'a tensor on the device was used after its disposal');
    return this.#memory;
  }

  async read(): Promise<HostTensor> {
    const { gpu, memory, dtype, shape } = this;
    const [words] = await gpu.watch('run', 'reading a tensor', () => {
      const reading = new Readback(gpu, [4 * sizeOf(shape)]);
      const encoder = gpu.device.createCommandEncoder();
      reading.copy(encoder, 0, memory);
      gpu.device.queue.submit([encoder.finish()]);
      return reading.words();
    });
    return fromWords(dtype, shape, words!);
  }

  dispose(): void {
    if (this.#memory) this.gpu.pool.give(this.#memory);
    this.#memory = undefined;
  }
}

/** Brings parts of device memory to the host through one buffer. */
export class Readback {
  readonly #gpu: Gpu;
  readonly #lengths: readonly number[];
  readonly #offsets: number[] = [];
  readonly #buffer: GPUBuffer;

  /** `lengths`: bytes of each part. */
  constructor(gpu: Gpu, lengths: readonly number[]) {
    this.#gpu = gpu;
    this.#lengths = lengths;
    let total = 0;
    for (const length of lengths) {
      this.#offsets.push(total);
      total += length;
    }
    this.#buffer = gpu.takeStaging(Math.max(total, 16));
  }

  copy(encoder: GPUCommandEncoder, part: number, memory: DeviceMemory): void {
    for (const { buffer, offset, length, at } of memory.parts(0, this.#lengths[part]!)) {
      encoder.copyBufferToBuffer(buffer, offset, this.#buffer, this.#offsets[part]! + at, length);
    }
  }

  /** Copies of all parts, once the work that was submitted is done. */
  async words(): Promise<ArrayBuffer[]> {
    await this.#buffer.mapAsync(1);
    const all = this.#buffer.getMappedRange();
    const parts = this.#lengths.map((length, i) => all.slice(this.#offsets[i], this.#offsets[i]! + length));
    this.#buffer.unmap();
    this.#gpu.giveStaging(this.#buffer);
    return parts;
  }
}
