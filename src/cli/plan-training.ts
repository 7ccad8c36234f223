/** A dry run: two steps of a training in a folder that goes again, and what they say of the whole. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTraining, type TrainingKind } from '#studio/training/runner';
import { createBackend } from '../backend-main.ts';
import type { CommandContext } from './command.ts';
import { formatDuration } from './terminal.ts';

export async function planTraining<Config extends { readonly run: string }>(
  config: Config,
  { output }: CommandContext,
  kind: TrainingKind<Config>,
): Promise<void> {
  const { steps, backend: device, threads } = kind.commons(config);
  const folder = await mkdtemp(path.join(tmpdir(), 'darkroom-plan-'));
  const warn = (message: string): void => output.note(message);
  const backend = createBackend(device, { threads, warn });
  const stop = new AbortController();
  const ends: number[] = [];
  try {
    await runTraining({ ...config, run: folder }, kind, {
      backend,
      root: process.cwd(),
      log: (message) => output.note(message),
      warn,
      signal: stop.signal,
      report({ step }) {
        if (step > 0) ends.push(performance.now());
        if (ends.length >= 2) stop.abort();
      },
    });
  } finally {
    await backend.dispose();
    await rm(folder, { recursive: true, force: true });
  }
  const seconds = ends.length < 2 ? undefined : (ends[1]! - ends[0]!) / 1000;
  const memory = process.resourceUsage().maxRSS / 2 ** 20;
  output.result(`memory ${memory.toFixed(1)} GiB at most`);
  if (seconds === undefined) return;
  output.result(`${seconds.toFixed(2)} s a step, ${formatDuration(seconds * steps)} for ${steps} steps`);
}
