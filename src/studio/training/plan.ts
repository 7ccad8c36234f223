/**
 * What a training would take, found out by doing two steps of it in a folder that goes again: nothing is saved, drawn or
 * put beside other models, and of the pictures only some are read.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Backend } from '#engine/backend';
import type { WorkPlan } from '../work/runner.ts';
import { runTraining, type TrainingKind } from './runner.ts';

export type TrainingPlan = WorkPlan;

export interface PlanHost {
  readonly backend: Backend;
  readonly root: string;
  readonly modelRoots?: readonly string[];
  readonly signal?: AbortSignal;
  readonly note?: (message: string) => void;
}

/** What ends the run: without it the loop would save its state. */
class Measured extends Error {}

const measured = 2;
/** What a plan does not wait for. */
const light = { effect_report: false, validation_split: 0, sample_every_n_steps: 0 };

/** @throws what the training would throw before its first step, or in it */
export async function planTraining<Config extends { readonly run: string }>(
  config: Config,
  kind: TrainingKind<Config>,
  { backend, root, modelRoots, signal, note = () => {} }: PlanHost,
): Promise<TrainingPlan> {
  const { steps } = kind.commons(config);
  const run = await mkdtemp(path.join(tmpdir(), 'darkroom-plan-'));
  const notes: string[] = [];
  const ends: number[] = [];
  const lighter = Object.fromEntries(Object.entries(light).filter(([name]) => name in config));
  try {
    await runTraining({ ...config, ...lighter, run }, kind, {
      backend,
      root,
      modelRoots,
      signal,
      install: false,
      rehearsal: true,
      log: note,
      warn(message) {
        notes.push(message);
        note(message);
      },
      report({ step }) {
        if (step > 0) ends.push(performance.now());
        if (ends.length >= measured) throw new Measured();
      },
    });
  } catch (error) {
    if (!(error instanceof Measured)) throw error;
  } finally {
    await rm(run, { recursive: true, force: true });
  }
  const [first, second] = ends;
  const secondsPerStep = second === undefined ? undefined : (second - first!) / 1000;
  return {
    steps,
    secondsPerStep,
    seconds: secondsPerStep && secondsPerStep * steps,
    memoryBytes: process.resourceUsage().maxRSS * 1024,
    notes,
  };
}
