/** A run that is killed at random moments and resumed ends with the bits of a run that was left alone. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const child = fileURLToPath(new URL('../../../test/fixtures/training-child.ts', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'darkroom-resume-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Trains in a child process, killed once it has reported `killAfter` steps; resolves with the steps it reported. */
async function trainChild(folder: string, killAfter = Number.POSITIVE_INFINITY): Promise<number[]> {
  const process_ = spawn(process.execPath, ['--import', 'tsx', child, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
    process_.on('close', (code, signal) => resolve(signal ?? code));
  });
  const steps: number[] = [];
  for await (const line of createInterface({ input: process_.stdout })) {
    steps.push(Number(line));
    if (steps.length === killAfter) process_.kill('SIGKILL');
  }
  expect(await ended).toBe(killAfter === Number.POSITIVE_INFINITY ? 0 : 'SIGKILL');
  return steps;
}

const final = 'checkpoints/step-00000400';
const read = (folder: string, file: string): Buffer => readFileSync(join(root, folder, file));

it('survives kill -9 at random moments bit for bit', { timeout: 600_000 }, async () => {
  await trainChild(join(root, 'whole'));
  let reached = 0;
  for (let kill = 0; kill < 3; kill++) {
    const steps = await trainChild(join(root, 'killed'), 1 + Math.floor(Math.random() * 60));
    // It went on from a checkpoint, not from the start.
    expect(steps[0]).toBeGreaterThan(Math.max(0, reached - 2));
    reached = steps.at(-1)!;
  }
  await trainChild(join(root, 'killed'));
  for (const file of [`${final}/state.safetensors`, `${final}/position.json`, 'metrics.jsonl']) {
    expect(read('killed', file).equals(read('whole', file)), file).toBe(true);
  }
});
