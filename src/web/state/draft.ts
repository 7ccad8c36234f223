/** What the form holds: from the server's defaults, from what was there last time, from a picture; to a request. */

import type { WireControls, WireImage, WireJobInput } from '#server/native/wire';
import { type NumberField, numberControl, textDefault } from './controls.ts';

export interface Draft {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Empty: the server's default. */
  readonly model: string;
  readonly sampler: string;
  readonly scheduler: string;
  readonly steps: number;
  readonly cfgScale: number;
  /** -1 draws one. */
  readonly seed: number;
  /** 0: the model's own. */
  readonly width: number;
  readonly height: number;
  readonly count: number;
}

export const randomSeed = -1;

export function defaultDraft(controls: WireControls): Draft {
  return {
    prompt: '',
    negativePrompt: '',
    model: '',
    sampler: textDefault(controls, 'sampler'),
    scheduler: textDefault(controls, 'scheduler'),
    steps: numberControl(controls, 'steps').fallback,
    cfgScale: numberControl(controls, 'cfgScale').fallback,
    seed: randomSeed,
    width: 0,
    height: 0,
    count: numberControl(controls, 'batchCount').fallback,
  };
}

/** A draft from storage: whatever no longer fits falls back to its default, the rest stays. */
export function restoreDraft(saved: unknown, controls: WireControls, models: readonly string[]): Draft {
  const base = defaultDraft(controls);
  if (typeof saved !== 'object' || saved === null) return base;
  const given = saved as Record<string, unknown>;
  const text = (name: 'prompt' | 'negativePrompt') => (typeof given[name] === 'string' ? given[name] : base[name]);
  const oneOf = (name: 'sampler' | 'scheduler' | 'model', known: readonly string[]) =>
    typeof given[name] === 'string' && known.includes(given[name]) ? given[name] : base[name];
  const number = (name: keyof Draft, field: NumberField) => {
    const value = given[name];
    const { min, max } = numberControl(controls, field);
    return typeof value === 'number' && value >= min && value <= max ? value : (base[name] as number);
  };
  return {
    prompt: text('prompt'),
    negativePrompt: text('negativePrompt'),
    model: oneOf('model', models),
    sampler: oneOf('sampler', namesOf(controls.samplers)),
    scheduler: oneOf('scheduler', namesOf(controls.schedulers)),
    steps: number('steps', 'steps'),
    cfgScale: number('cfgScale', 'cfgScale'),
    seed: number('seed', 'seed'),
    width: number('width', 'width'),
    height: number('height', 'height'),
    count: number('count', 'batchCount'),
  };
}

/** The settings that a picture was made with; what it does not tell stays as it is. */
export function draftFromImage(
  image: WireImage,
  draft: Draft,
  controls: WireControls,
  models: readonly string[],
): Draft {
  const { model, sampler, scheduler, steps, cfgScale, seed } = image;
  const known = (name: string | undefined, list: readonly string[]) => name !== undefined && list.includes(name);
  return {
    ...draft,
    prompt: image.prompt,
    negativePrompt: image.negativePrompt,
    ...(known(model, models) ? { model: model! } : {}),
    ...(known(sampler, namesOf(controls.samplers)) ? { sampler: sampler! } : {}),
    ...(known(scheduler, namesOf(controls.schedulers)) ? { scheduler: scheduler! } : {}),
    ...(steps === undefined ? {} : { steps }),
    ...(cfgScale === undefined ? {} : { cfgScale }),
    ...(seed === undefined ? {} : { seed }),
    width: image.width,
    height: image.height,
  };
}

/** The request for `POST /jobs`: what is left to the server is left out. */
export function jobInput(draft: Draft): WireJobInput {
  const { prompt, negativePrompt, model, sampler, scheduler, steps, cfgScale, seed, width, height, count } = draft;
  return {
    prompt,
    negativePrompt,
    sampler,
    scheduler,
    steps,
    cfgScale,
    seed,
    batchCount: count,
    ...(model === '' ? {} : { model }),
    ...(width === 0 ? {} : { width }),
    ...(height === 0 ? {} : { height }),
  };
}

function namesOf(rows: readonly { readonly name: string }[]): string[] {
  return rows.map(({ name }) => name);
}
