/**
 * What the service costs beside its engine: time until `darkroom serve` answers, what a request adds to the engine's own
 * work on the tiny Stable Diffusion of the tests, and how long the server's event loop is held while pictures are made.
 *
 * Run: npm run bench -- server [pictures]
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { createPictureEngine } from '#pipelines/engine';
import { generateSchema } from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';
import { ask } from '../test/faults/http-client.ts';
import { realEngine, startServer, tinyModels } from '../test/faults/server-child.ts';

const request = { prompt: 'a fox', sampler: 'Euler', steps: 1, seed: 1, width: 64, height: 64, cfgScale: 1 };
const model = 'tiny-sd1';

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Milliseconds of each call; the first, which loads and warms, is left out. */
async function timed(count: number, work: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n <= count; n++) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return times.slice(1);
}

/** Milliseconds from starting the process to the line that says it is ready. */
async function startTime(root: string): Promise<number> {
  const main = fileURLToPath(new URL('../bin/darkroom.mjs', import.meta.url));
  const began = performance.now();
  const child = spawn(process.execPath, [main, 'serve', '--port', '0'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const time = performance.now() - began;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await gone;
  return time;
}

async function bareEngine(count: number): Promise<number[]> {
  const backend = createOrtNodeBackend({ device: 'cpu' });
  const engine = createPictureEngine({ backend, openModel: modelOpener([tinyModels]) });
  const full = generateSchema.parse({ ...request, model });
  const times = await timed(count, async () => {
    for await (const _event of engine.generate(full));
  });
  await engine.dispose();
  return times;
}

async function main(): Promise<void> {
  const [count = 50] = process.argv.slice(2).map(Number);
  const root = mkdtempSync(join(tmpdir(), 'darkroom-bench-'));
  try {
    await startTime(root);
    const ready: number[] = [];
    for (let n = 0; n < 5; n++) ready.push(await startTime(root));
    console.log(`process start to ready: ${median(ready).toFixed(0)} ms (median of 5)`);
    const bare = median(await bareEngine(count));
    const server = await startServer({ root, engineModule: realEngine, modelRoots: [tinyModels], defaultModel: model });
    const agent = new Agent({ keepAlive: true });
    const path = '/api/v1/jobs?wait=true';
    const through = await timed(count, async () => {
      const answer = await ask(server.url, { method: 'POST', path, body: request, agent });
      if (answer.status !== 201) throw new Error(answer.text);
    });
    const { loop } = await server.figures();
    agent.destroy();
    await server.stop();
    console.log(`a picture of the tiny model, 64x64, 1 step (medians of ${count}): engine ${bare.toFixed(1)} ms,`);
    console.log(
      `  through the API, saved and indexed ${median(through).toFixed(1)} ms: ${(median(through) - bare).toFixed(1)} ms more`,
    );
    console.log(
      `server's event loop late by ${loop.p99.toFixed(1)} ms (99th percentile), ${loop.worst.toFixed(1)} ms at worst`,
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

await main();
