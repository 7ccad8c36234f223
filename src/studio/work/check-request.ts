/** A request as callers write it, made into one that can be stored and run again with the same result. */

import { randomInt } from 'node:crypto';
import { type ModelKind, modelKinds } from '#api/records/model';
import { UserError } from '#core/errors';
import { controlKinds } from '#models/control/open';
import type { ControlUnit } from '#pipelines/control/unit';
import { isBuiltInUpscaling } from '#pipelines/hires';
import { type GenerateSettings, generateSchema } from '#pipelines/request';
import { preferring, settingRows } from '#pipelines/settings/index';
import { isResampler } from '#pipelines/upscale/upscalers';
import type { Library } from '../library/library.ts';
import type { LibraryModel } from '../library/model.ts';
import { realEsrganFiles } from '../library/real-esrgan-names.ts';
import type { StoredRequest } from '../queue/job.ts';

export const checkpointKinds = ['checkpoint', 'unet'] as const satisfies readonly ModelKind[];
export const vaeKinds = ['vae'] as const satisfies readonly ModelKind[];

export interface CheckedRequest {
  readonly request: StoredRequest;
  /** What was put in the place of something that cannot be used. */
  readonly warnings: readonly string[];
}

/**
 * Fills in defaults, draws seeds, and gives models the names that the library has for them: a request never reaches a
 * file outside it.
 * @throws UserError `request.invalid`, `model.unknown`
 */
export function checkRequest(fields: GenerateSettings, library: Library, defaultModel: string): CheckedRequest {
  const result = generateSchema.safeParse(preferred(fields, library, defaultModel));
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new UserError('request.invalid', `${issue.path.join('.') || 'request'}: ${issue.message}.`);
  }
  const { model: asked, vae = 'Automatic', ...request } = result.data;
  const warnings: string[] = [];
  const model = asked === undefined ? defaultName(library, defaultModel, warnings) : nameOf(library, asked, warnings);
  const checked = {
    ...request,
    ...namesOf(request, library, warnings),
    controls: request.controls.map((unit) => controlOf(unit, library, warnings)),
    model,
    vae: vaeName(vae, model, library, warnings),
    textEncoders: encoderNames(request.textEncoders, library, warnings),
    seed: request.seed < 0 ? drawSeed() : request.seed,
    subseed: request.subseed < 0 ? drawSeed() : request.subseed,
  };
  checkSeeds(checked);
  return { request: checked, warnings };
}

/** Undefined: the model's own, or what lies beside it. What its card says in the library stands for what is left open. */
function vaeName(asked: string, model: string | undefined, library: Library, warnings: string[]): string | undefined {
  if (/^none$/i.test(asked)) return undefined;
  if (!/^(automatic)?$/i.test(asked)) return library.find(asked, vaeKinds, warnings).name;
  const vae = model === undefined ? undefined : library.find(model, checkpointKinds).card.vae;
  if (vae === undefined || vae === 'None') return undefined;
  try {
    return library.find(vae, vaeKinds, warnings).name;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    warnings.push(`The VAE of this model's card is not taken. ${error.message}`);
    return undefined;
  }
}

/** @throws UnknownNameError naming the nearest: the engine would say so only when the job's turn has come */
export async function checkSamplers(request: StoredRequest): Promise<void> {
  const { sampler, scheduler, hiresSampler, hiresScheduler } = request;
  // Loaded when there is a request: the studio starts without the samplers.
  const { findSamplerAndScheduler } = await import('#diffusion/samplers/index');
  findSamplerAndScheduler(sampler, scheduler);
  // Left open, those of the first pass.
  findSamplerAndScheduler(hiresSampler ?? sampler, hiresScheduler ?? scheduler);
}

/** What a request leaves open as its model prefers it; a model that cannot be had is for others to tell. */
export function preferred(fields: GenerateSettings, library: Library, defaultModel: string): GenerateSettings {
  const { model = defaultModel } = fields;
  try {
    const found = model === '' ? library.list().find(({ embedded }) => embedded) : library.find(model, checkpointKinds);
    return preferring(fields, found?.card.preferred);
  } catch (error) {
    if (error instanceof UserError) return fields;
    throw error;
  }
}

/** By the library's names for them. */
function encoderNames(list: string, library: Library, warnings: string[]): string {
  const names = list.split(',').map((name) => name.trim());
  const find = (name: string) => library.find(name, ['text-encoder'], warnings).name;
  return names.flatMap((name) => (name === '' ? [] : [find(name)])).join(', ');
}

/** What is chosen in lists of the library's: which models a setting's value names. */
export const kindsOfChoices: Readonly<Record<string, readonly ModelKind[]>> = {
  checkpoints: checkpointKinds,
  vaes: vaeKinds,
  upscalers: ['upscaler'],
  loras: ['lora'],
  models: modelKinds,
  hiresUpscalers: ['upscaler'],
};

/** Other settings than the model and its VAE that name files, by the library's name for them; ways that are no files stay. */
function namesOf(
  request: Readonly<Record<string, unknown>>,
  library: Library,
  warnings: string[],
): Record<string, string> {
  return Object.fromEntries(
    settingRows.flatMap(([name, { form }]) => {
      const kinds = kindsOfChoices[form.choices ?? ''];
      const value = request[name];
      if (!kinds || typeof value !== 'string' || value === '' || isBuiltInUpscaling(value)) return [];
      if (form.when !== undefined && ![form.when].flat().some((field) => request[field])) return [];
      return [[name, library.find(realEsrganFiles[value.toLowerCase()] ?? value, kinds, warnings).name]];
    }),
  );
}

/** An upscaler by the library's name for it; ways that are no files, and the default, stay. */
export function upscalerName(library: Library, name: string | undefined, warnings: string[]): string | undefined {
  if (name === undefined || name === '' || isResampler(name)) return name || undefined;
  return library.find(realEsrganFiles[name.toLowerCase()] ?? name, kindsOfChoices.upscalers!, warnings).name;
}

/** A unit with its model by the library's name for it. */
function controlOf(unit: ControlUnit, library: Library, warnings: string[]): ControlUnit {
  const { model } = unit;
  const isNone = model === undefined || /^(none)?$/i.test(model);
  const found = isNone || unit.weight === 0 ? undefined : library.find(model, controlKinds, warnings);
  return { ...unit, model: found?.name };
}

function nameOf(library: Library, model: string, warnings: string[]): string | undefined {
  return model === '' ? undefined : usable(library.find(model, checkpointKinds, warnings)).name;
}

/** @throws UserError `model.unusable`, before a job waits for what cannot be drawn */
function usable(model: LibraryModel): LibraryModel {
  const { kind, title, problem } = model.description;
  const isOther = kind !== 'checkpoint' && kind !== 'unet' && kind !== 'unknown';
  if (problem === undefined || isOther) return model;
  throw new UserError('model.unusable', `${model.name} cannot be used (it is ${title}): ${problem}`);
}

/** A default whose file has gone must not keep every request from being made: the embedded model stands in. */
function defaultName(library: Library, name: string, warnings: string[]): string | undefined {
  try {
    return nameOf(library, name, warnings);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    warnings.push(`The default model ${name} cannot be used, the embedded model was taken: ${error.message}`);
    return undefined;
  }
}

/** Picture i has seed + i: all of them must be whole numbers that a file can name. */
function checkSeeds({ seed, subseed, subseedStrength, batchSize, batchCount }: StoredRequest): void {
  const last = batchSize * batchCount - 1;
  const [field, first] = subseedStrength > 0 ? (['subseed', subseed] as const) : (['seed', seed] as const);
  if (first <= Number.MAX_SAFE_INTEGER - last) return;
  const most = `for ${last + 1} pictures at most ${Number.MAX_SAFE_INTEGER - last}`;
  throw new UserError(
    'request.invalid',
    `${field}: each picture counts one up, so ${most} can be taken; got ${first}.`,
  );
}

/** 32 bits, as A1111 draws. */
export function drawSeed(): number {
  return randomInt(2 ** 32);
}
