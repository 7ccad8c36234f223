/**
 * Random weights of a published model's size, as a single file in the original layout (Stable Diffusion 1.5's: 1145
 * tensors, 1.07 billion values), streamed so that no more than one tensor is in memory.
 *
 * Values keep the signal of every layer near one: weights have the deviation 1/sqrt(fan in), scales of normalisations
 * are one, and the last layer of each residual branch is smaller, as in a trained network.
 */

import { closeSync, openSync, writeSync } from 'node:fs';
import { f32ToF16Array } from '#core/half';
import { sizeOf } from '#core/tensor';
import { planSafetensors } from '#formats/safetensors-writer';
import { TrainingRandom } from '#training/random';
import { type PublishedModel, tensorsOf } from './published-sizes.ts';

export type CheckpointDType = 'F32' | 'F16';

/** Buffers of the original training schedule that such files carry; loaders skip them. */
const buffers = ['alphas_cumprod', 'alphas_cumprod_prev', 'betas'].map((name) => ({ name, shape: [1000] }));

/** Normal values that all tensors take their own from, at their own offsets. */
const POOL = 2 ** 21;

interface Distribution {
  readonly mean: number;
  readonly deviation: number;
}

export function writeCheckpoint(path: string, dtype: CheckpointDType, model: PublishedModel = 'sd15'): void {
  const tensors = [...tensorsOf[model](), ...buffers].map(({ name, shape }) => ({ name, shape, dtype }));
  const { header, order } = planSafetensors(tensors);
  const normal = new TrainingRandom(15).fillNormal(new Float32Array(POOL));
  const pools = new Map<string, Uint8Array>();
  const file = openSync(path, 'w');
  try {
    writeAll(file, header);
    order.forEach(({ name, shape }, i) => {
      const distribution = distributionOf(name, shape);
      const key = JSON.stringify(distribution);
      const pool = pools.get(key) ?? poolOf(normal, distribution, dtype);
      pools.set(key, pool);
      writeFrom(file, pool, sizeOf(shape) * (dtype === 'F16' ? 2 : 4), (7919 * i) % (POOL / 2));
    });
  } finally {
    closeSync(file);
  }
}

function distributionOf(name: string, shape: readonly number[]): Distribution {
  if (shape.length > 1) {
    const fanIn = /embedding/.test(name) ? 2500 : sizeOf(shape.slice(1));
    const lastOfBranch = /(out_layers\.3|proj_out|to_out\.0|ff\.net\.2|conv2|out_proj|fc2|c_proj)\.weight$/.test(name);
    return { mean: 0, deviation: (lastOfBranch ? 0.3 : 1) / Math.sqrt(fanIn) };
  }
  const scale = name.endsWith('.weight');
  return { mean: scale ? 1 : 0, deviation: scale ? 0.05 : 0.02 };
}

function poolOf(normal: Float32Array, { mean, deviation }: Distribution, dtype: CheckpointDType): Uint8Array {
  const values = normal.map((v) => mean + deviation * v);
  const stored = dtype === 'F16' ? f32ToF16Array(values) : values;
  return new Uint8Array(stored.buffer as ArrayBuffer);
}

/** `length` bytes of the pool from element `start` on, going round. */
function writeFrom(file: number, pool: Uint8Array, length: number, start: number): void {
  let at = start * (pool.length / POOL);
  for (let left = length; left > 0; ) {
    const part = pool.subarray(at, at + left);
    writeAll(file, part);
    left -= part.length;
    at = 0;
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
