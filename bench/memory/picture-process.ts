/**
 * One process of the memory benchmark: draws a picture of two steps with the engine that the command line uses and a
 * limit of memory, and prints what was told, what it took at the highest and how long the second step took, as JSON.
 *
 * Arguments: checkpoint, limit in bytes, side in pixels, threads.
 */

import { readFileSync } from 'node:fs';
import { generateSchema, type MemoryEvent } from '#pipelines/request';
import { createEngine } from '../../src/engine-main.ts';

const [checkpoint, limit, side, threads] = process.argv.slice(2) as [string, string, string, string];

/** Bytes, by the name of a line of /proc/self/status. */
function status(name: string): number {
  return 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

const engine = createEngine({
  device: 'cpu',
  modelRoots: [],
  options: { memoryLimit: Number(limit), threads: Number(threads) },
});
const request = generateSchema.parse({
  prompt: 'a fox beside a tree at night',
  model: checkpoint,
  sampler: 'Euler',
  steps: 2,
  seed: 1,
  width: Number(side),
  height: Number(side),
});
const peaks: Record<string, number> = {};
let told: MemoryEvent | undefined;
let part = 'start';
const ends: number[] = [];
for await (const event of engine.generate(request)) {
  peaks[part] = status('VmHWM');
  if (event.type === 'memory') told = event;
  if (event.type === 'step') ends.push(performance.now());
  if (event.type === 'loading') part = `${event.part}${event.bytes === 0 ? ' loading' : ' running'}`;
}
const peak = status('VmHWM');
console.log(JSON.stringify({ told, peak, peaks, stepSeconds: (ends[1]! - ends[0]!) / 1000 }));
await engine.dispose();
process.exit(0);
