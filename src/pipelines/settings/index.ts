/**
 * Every setting of a request, in the order in which a form shows them. To add one: its row here below, in the file of
 * its group, and where it acts.
 */

import { z } from 'zod';
import type { ParsedInfotext } from '#prompt/infotext';
import type { InfotextEntry } from '#prompt/infotext-writer';
import { withKinKeys } from '#prompt/kin';
import { controlSettings } from './control.ts';
import { hiresSettings, refinerSettings } from './hires.ts';
import { outpaintSettings } from './outpaint.ts';
import { advancedSettings, inpaintSettings, maskSettings, pictureSettings, startSettings } from './picture.ts';
import { modelSettings, promptSettings, textSettings } from './prompts.ts';
import { guidanceSettings, samplingSettings, seedSettings } from './sampling.ts';
import type { PictureFacts, SamplerOption, Setting } from './setting.ts';
import { softInpaintingSettings } from './soft-inpainting.ts';
import { tiledUpscaleSettings } from './tiled-upscale.ts';

export { maxSide, minSide } from './picture.ts';

export const settings = {
  ...promptSettings,
  ...modelSettings,
  ...pictureSettings,
  ...samplingSettings,
  ...guidanceSettings,
  ...seedSettings,
  ...startSettings,
  ...tiledUpscaleSettings,
  ...inpaintSettings,
  ...maskSettings,
  ...softInpaintingSettings,
  ...outpaintSettings,
  ...controlSettings,
  ...hiresSettings,
  ...refinerSettings,
  ...textSettings,
  ...advancedSettings,
};

export type SettingName = keyof typeof settings;

type TypeOf<S> = S extends Setting<infer T> ? T : never;
type SettingsShape = { [K in SettingName]: TypeOf<(typeof settings)[K]> };

/** Settings that the gallery keeps in columns of their own. */
export type GallerySetting = {
  [K in SettingName]: (typeof settings)[K] extends { readonly gallery: true } ? K : never;
}[SettingName];

/** Rows with their names, without the types of their values. */
export const settingRows = Object.entries(settings) as readonly (readonly [SettingName, Setting])[];

/** A request without its pictures. Each field's JSON Schema carries what a form needs (`SettingForm`). */
export const settingsSchema = z.object(
  Object.fromEntries(
    settingRows.map(([name, { type, help, form }]) => [name, type.meta({ description: help, ...form })]),
  ) as SettingsShape,
);

/** The type of a setting's value where it is given: without its default. */
export function valueType(name: SettingName): z.ZodType {
  const type: z.ZodType = settingsSchema.shape[name];
  return type instanceof z.ZodDefault || type instanceof z.ZodOptional ? (type.unwrap() as z.ZodType) : type;
}

/** What a model may prefer; its preference stands for what a request leaves open. */
type Preferable = {
  [K in SettingName]: (typeof settings)[K] extends { readonly preferable: true } ? K : never;
}[SettingName];
export const preferable = settingRows.flatMap(([name, row]) => (row.preferable ? [name as Preferable] : []));

/** What a model prefers. */
export const preferenceSchema = z.object(
  Object.fromEntries(preferable.map((name) => [name, valueType(name).optional()])) as {
    [K in Preferable]: z.ZodOptional<z.ZodType<NonNullable<z.output<SettingsShape[K]>>>>;
  },
);

export type Preference = z.output<typeof preferenceSchema>;

/** Fields of a request that is yet to be filled with what its model prefers. The default is the one without a preference. */
export const openShape: typeof preferenceSchema.shape = Object.fromEntries(
  preferable.map((name) => {
    const { help, form } = settings[name];
    const open = valueType(name).optional();
    return [name, open.meta({ description: help, ...form, default: defaultOf(name) })];
  }),
) as typeof preferenceSchema.shape;

/** The request with a preference in the place of what it leaves open. */
export function preferring<R extends object>(request: R, preference: Preference = {}): R & Preference {
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  return { ...preference, ...Object.fromEntries(given) } as R & Preference;
}

type GalleryShape = { [K in GallerySetting]: z.ZodOptional<z.ZodType<NonNullable<z.output<SettingsShape[K]>>>> };

/** Fields of a picture in the gallery: what files of other programs say is kept as well, so without bounds. */
export const gallerySettings = Object.fromEntries(
  settingRows.flatMap(([name, { gallery }]) => (gallery ? [[name, plainType(valueType(name)).optional()]] : [])),
) as GalleryShape;

export const galleryNames = Object.keys(gallerySettings) as readonly GallerySetting[];

function plainType(type: z.ZodType): z.ZodType {
  if (!(type instanceof z.ZodNumber)) return z.string();
  return type.isInt ? z.int() : z.number();
}

/** The value that asks for nothing of a setting; undefined for those that are left to the model or the sampler. */
export function defaultOf(name: SettingName): unknown {
  return settingsSchema.shape[name].parse(undefined);
}

/** Why a setting has no effect on a picture; undefined where it acts. */
export function idleReason(setting: Setting, facts: PictureFacts): string | undefined {
  const { samplerOption, scheduleOption, form, idle } = setting;
  const { sampler, scheduler } = facts;
  if (samplerOption !== undefined && !sampler.reads.includes(samplerOption)) {
    return `the sampler ${sampler.name} does not use it`;
  }
  if (scheduleOption !== undefined && !scheduler?.reads.includes(scheduleOption)) {
    return scheduler ? `the scheduler ${scheduler.name} does not use it` : `${sampler.name} has a schedule of its own`;
  }
  const wanted = form.when === undefined ? [] : [form.when].flat();
  if (wanted.length > 0 && !wanted.some((name) => acts(name, facts))) {
    return whenReasons[wanted[0]!] ?? `${settings[wanted[0] as SettingName].form.label} is off`;
  }
  return idle?.(facts);
}

/** Whether something that other settings hang on is given, and acts itself. */
function acts(name: string, facts: PictureFacts): boolean {
  const row = Object.hasOwn(settings, name) ? (settings[name as SettingName] as Setting) : undefined;
  return Boolean(facts.request[name]) && row?.idle?.(facts) === undefined;
}

const whenReasons: Readonly<Record<string, string>> = {
  init: 'there is no picture to start from',
  mask: 'there is no mask',
};

/** What to write into the last line of an infotext: the settings that acted. */
export function infotextEntries(facts: PictureFacts): InfotextEntry[] {
  return settingRows.flatMap(([name, row]) =>
    idleReason(row, facts) === undefined ? (row.infotext?.write?.(facts.request[name], facts) ?? []) : [],
  );
}

/** The settings that a request gives a value and that do not act on its pictures, one sentence each. */
export function idleSettings(facts: PictureFacts): string[] {
  return settingRows.flatMap(([name, row]) => {
    const value = facts.request[name];
    if (value === undefined || value === defaultOf(name)) return [];
    const reason = idleReason(row, facts);
    return reason === undefined ? [] : [`${row.form.label} (${name}) has no effect: ${reason}.`];
  });
}

/** Settings of samplers by the names that samplers have for them. */
export function samplerSettings(request: Readonly<Record<string, unknown>>, reads: readonly SamplerOption[]): object {
  const given = settingRows.flatMap(([name, { samplerOption }]) =>
    samplerOption !== undefined && reads.includes(samplerOption) && request[name] !== undefined
      ? [[samplerOption, request[name]]]
      : [],
  );
  return Object.fromEntries(given) as object;
}

/** What an infotext says, by setting; values as they are there, not yet held to the schema. */
export function settingsOfInfotext(parsed: ParsedInfotext): Partial<Record<SettingName, unknown>> {
  const found: Partial<Record<SettingName, unknown>> = {};
  const read = withKinKeys(parsed);
  for (const [name, { infotext }] of settingRows) {
    const value = infotext?.read?.(read);
    if (value !== undefined) found[name] = value;
  }
  return found;
}
