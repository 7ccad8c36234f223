/** How long each kernel of a program takes, by timestamp queries: a pass for each, so their sum is more than a run takes. */

import { EngineError } from '#engine/errors';
import type { Gpu } from './device.ts';
import type { DeviceMemory } from './memory.ts';
import { usage } from './memory.ts';
import type { Place } from './place.ts';
import type { Program } from './program.ts';

export interface KernelTime {
  /** What the kernel computes, as it is named in plans. */
  readonly label: string;
  /** Kernels of this label, and their seconds together. */
  readonly count: number;
  readonly seconds: number;
}

/** Kernels whose times fit one set of queries: a device need not take more than 4096. */
const OF_A_SET = 2048;
/** Bytes of a time, in nanoseconds. */
const TIME = 8;

/** Slowest first. @throws EngineError `unavailable` for a device without timestamps */
export async function profileProgram(
  gpu: Gpu,
  program: Program,
  brought: ReadonlyMap<Place, DeviceMemory>,
): Promise<KernelTime[]> {
  const { device } = gpu;
  if (!device.features.has('timestamp-query')) {
    throw new EngineError('unavailable', 'webgpu', `${gpu.description} tells no times of kernels`);
  }
  const { kernels } = program.plan;
  const counts = Array.from({ length: Math.ceil(kernels.length / OF_A_SET) }, (_, i) =>
    Math.min(OF_A_SET, kernels.length - i * OF_A_SET),
  );
  const sets = counts.map((count) => device.createQuerySet({ type: 'timestamp', count: 2 * count }));
  const size = 2 * TIME * kernels.length;
  const times = device.createBuffer({ size, usage: usage.queryResolve | usage.copySource });
  const staging = gpu.takeStaging(size);
  const encoder = device.createCommandEncoder();
  program.encode(encoder, brought, (kernel) => {
    const at = 2 * (kernel % OF_A_SET);
    const querySet = sets[Math.floor(kernel / OF_A_SET)]!;
    return { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  });
  for (const [i, set] of sets.entries())
    encoder.resolveQuerySet(set, 0, 2 * counts[i]!, times, 2 * TIME * OF_A_SET * i);
  encoder.copyBufferToBuffer(times, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const read = new BigUint64Array(staging.getMappedRange().slice(0, size));
  staging.unmap();
  gpu.giveStaging(staging);
  times.destroy();
  for (const set of sets) set.destroy();
  return summed(kernels.map(({ label }, i) => [label, Number(read[2 * i + 1]! - read[2 * i]!) / 1e9]));
}

function summed(times: readonly (readonly [label: string, seconds: number])[]): KernelTime[] {
  const sums = new Map<string, KernelTime>();
  for (const [label, more] of times) {
    const { count = 0, seconds = 0 } = sums.get(label) ?? {};
    sums.set(label, { label, count: count + 1, seconds: seconds + more });
  }
  return [...sums.values()].sort((a, b) => b.seconds - a.seconds);
}
