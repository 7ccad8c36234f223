/**
 * What the memory plan says of a picture by a model of Stable Diffusion 1.5's or SDXL's size, and what the process
 * takes: a fresh process for each file and limit, the highest resident set of each, and the seconds of a step.
 *
 * Run: npm run bench -- memory [sd15 | sdxl] [side in pixels] [threads]. Linux (memory is read from /proc). Writes 5 GB
 * (SDXL: 11 GB) to the temporary folder, or to DARKROOM_BENCH_FOLDER, where they stay.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { convertModel } from '#studio/convert/convert';
import { engineEnvironment } from '#studio/engine-host/process-info';
import { writeCheckpoint } from './random-checkpoint.ts';

interface Measured {
  readonly told: { readonly peak: number; readonly plan: string };
  readonly peak: number;
  /** From the end of a step to that of the next. */
  readonly stepSeconds: number;
  readonly peaks: Readonly<Record<string, number>>;
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

function measure(checkpoint: string, limit: number, side: number, threads: number): Measured {
  const script = fileURLToPath(new URL('./memory/picture-process.ts', import.meta.url));
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const given = [checkpoint, limit, side, threads].map(String);
  return JSON.parse(
    execFileSync(process.execPath, ['--import', loader, script, ...given], {
      encoding: 'utf8',
      env: engineEnvironment(),
    }),
  ) as Measured;
}

/** Sides that the models are made for, and limits in bytes of the two forms of their files. */
const usual = {
  sd15: { side: 512, blocks: [3.5e9, 20e9], halves: [5.5e9, 20e9] },
  sdxl: { side: 1024, blocks: [8e9], halves: [16e9] },
} as const;

const [name = 'sd15', ...numbers] = process.argv.slice(2);
if (!(name === 'sd15' || name === 'sdxl')) throw new Error(`expected sd15 or sdxl; got ${name}`);
const [side = usual[name].side, threads = availableParallelism()] = numbers.map(Number);
const given = process.env.DARKROOM_BENCH_FOLDER;
const folder = given ?? mkdtempSync(join(tmpdir(), 'darkroom-bench-'));
mkdirSync(folder, { recursive: true });
try {
  const halves = join(folder, `${name}-f16.safetensors`);
  if (!existsSync(halves)) writeCheckpoint(halves, 'F16', name);
  const blocks = join(folder, `${name}-q8_0.gguf`);
  if (!existsSync(blocks)) await convertModel({ from: halves, to: blocks, layout: 'gguf', form: 'q8_0' });
  const cases: [string, number][] = [
    ...usual[name].blocks.map((limit): [string, number] => [blocks, limit]),
    ...usual[name].halves.map((limit): [string, number] => [halves, limit]),
  ];
  for (const [file, limit] of cases) {
    const { told, peak, peaks, stepSeconds } = measure(file, limit, side, threads);
    console.log(
      `${file.split('/').at(-1)}, ${side}x${side}, limit ${gigabytes(limit)}: told ${gigabytes(told.peak)}, took ${gigabytes(peak)} (${(peak / told.peak).toFixed(2)}); a step ${stepSeconds.toFixed(1)} s`,
    );
    console.log(`  ${told.plan}`);
    console.log(
      `  ${Object.entries(peaks)
        .map(([part, bytes]) => `${part} ${gigabytes(bytes)}`)
        .join(', ')}`,
    );
  }
} finally {
  if (given === undefined) rmSync(folder, { recursive: true, force: true });
}
