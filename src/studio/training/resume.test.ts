/** A run that is killed at random moments and resumed ends with the bits of a run that was left alone. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, it } from 'vitest';
import { childExecArgv, ownModule } from '../files/own-module.ts';

const child = ownModule(import.meta.url, '../../../test/fixtures/training-child');
const root = mkdtempSync(join(tmpdir(), 'darkroom-resume-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Ended {
  /** Steps that the child reported. */
  readonly steps: readonly number[];
  readonly killed: boolean;
}

/** Trains in a child process, which is killed once it has reported `killAfter` steps. */
async function trainChild(folder: string, killAfter = Number.POSITIVE_INFINITY): Promise<Ended> {
  const training = spawn(process.execPath, [...childExecArgv(), child, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
    training.on('close', (code, signal) => resolve(signal ?? code));
  });
  const steps: number[] = [];
  for await (const line of createInterface({ input: training.stdout })) {
    steps.push(Number(line));
    if (steps.length === killAfter) training.kill('SIGKILL');
  }
  const how = await ended;
  expect(['SIGKILL', 0]).toContain(how);
  return { steps, killed: how === 'SIGKILL' };
}

const final = 'checkpoints/step-00000400';
const read = (folder: string, file: string): Buffer => readFileSync(join(root, folder, file));

it('survives kill -9 at random moments bit for bit', { timeout: 600_000 }, async () => {
  expect((await trainChild(join(root, 'whole'))).killed).toBe(false);
  let reached = 0;
  for (let round = 0; round < 3; round++) {
    const { steps, killed } = await trainChild(join(root, 'killed'), 1 + Math.floor(Math.random() * 60));
    // It went on from a checkpoint, not from the start.
    expect(steps[0]).toBeGreaterThan(Math.max(0, reached - 2));
    reached = steps.at(-1)!;
    // On a busy machine the child can be done before it is killed.
    expect(killed || round > 0).toBe(true);
    if (!killed) break;
  }
  expect((await trainChild(join(root, 'killed'))).killed).toBe(false);
  for (const file of [`${final}/state.safetensors`, `${final}/position.json`, 'metrics.jsonl']) {
    expect(read('killed', file).equals(read('whole', file)), file).toBe(true);
  }
});
