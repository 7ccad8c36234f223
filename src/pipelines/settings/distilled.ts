/**
 * How models draw best that were distilled to few steps. Nothing in their weights says so, and at usual settings they draw
 * glaring noise; their publishers put it into the name: `Lightning_8step`, `turbo`, `LCM`. A name is asked for what a request leaves
 * open and for nothing else.
 *
 * Source: the model cards of stabilityai/sdxl-turbo, ByteDance/SDXL-Lightning, ByteDance/Hyper-SD, latent-consistency/lcm-sdxl.
 */

import type { Preference } from './index.ts';

interface Distillation {
  /** A word of the name. */
  readonly mark: string;
  readonly preference: Preference;
  /** The mark is an ordinary word as well, unless steps are counted beside it. */
  readonly counts?: true;
}

const distillations: readonly Distillation[] = [
  { mark: 'lightning', preference: { sampler: 'Euler', scheduler: 'SGM Uniform', steps: 4, cfgScale: 1 } },
  { mark: 'hyper', preference: { sampler: 'TCD', steps: 8, cfgScale: 1 }, counts: true },
  { mark: 'lcm', preference: { sampler: 'LCM', steps: 6, cfgScale: 1.5 } },
  { mark: 'turbo', preference: { sampler: 'Euler a', steps: 4, cfgScale: 1 } },
];

const stepsInName = /(?:^|[^a-z0-9])(\d{1,2})[ _-]?steps?(?![a-z])/i;

/** Undefined for names that tell of no distillation. */
export function preferenceByName(name: string): Preference | undefined {
  const steps = Number(stepsInName.exec(name)?.[1] ?? 0);
  const found = distillations.find(
    ({ mark, counts }) => new RegExp(`(?<![a-z])${mark}(?![a-z])`, 'i').test(name) && !(counts && steps === 0),
  );
  if (!found) return undefined;
  return steps > 0 ? { ...found.preference, steps } : found.preference;
}

/** Above it pictures of what was distilled to few steps glare. */
const mildGuidance = 2.5;

/** What to say of a LoRA that is for few steps by its name where usual guidance is asked for. */
export function fewStepsHint(
  name: string,
  { steps, cfgScale }: Required<Pick<Preference, 'steps' | 'cfgScale'>>,
): string | undefined {
  const wanted = cfgScale > mildGuidance ? preferenceByName(name) : undefined;
  if (!wanted) return undefined;
  const best = `${wanted.steps} steps, CFG scale ${wanted.cfgScale}, sampler ${wanted.sampler}`;
  return `is by its name for few steps (${best}); with ${steps} steps and CFG scale ${cfgScale} pictures glare.`;
}
