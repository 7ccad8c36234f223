/**
 * What a row of the table of settings says: the one description from which the request's schema, the infotext, the
 * command line, the page's form and the translations from and to other programs' APIs are made.
 *
 * Names of fields are A1111's in camel case; `a1111` holds its own spelling, option and scale where they differ.
 */

import type { z } from 'zod';
import type { SamplerRow } from '#diffusion/samplers/index';
import type { SchedulerRow } from '#diffusion/schedules';
import type { ParsedInfotext } from '#prompt/infotext';
import type { InfotextEntry } from '#prompt/infotext-writer';

export type SettingGroup =
  | 'prompt'
  | 'model'
  | 'picture'
  | 'sampling'
  | 'guidance'
  | 'seed'
  | 'start'
  | 'inpaint'
  | 'outpaint'
  | 'hires'
  | 'control'
  | 'text'
  | 'advanced';

export type SamplerOption = SamplerRow['reads'][number];

/** How a form shows a setting; goes into the JSON Schema as it is. */
export interface SettingForm {
  readonly label: string;
  readonly group: SettingGroup;
  readonly level: 'simple' | 'full';
  readonly control:
    | 'prompt'
    | 'text'
    | 'slider'
    | 'number'
    | 'choice'
    | 'switch'
    | 'seed'
    | 'size'
    | 'regions'
    | 'units'
    | 'none';
  readonly step?: number;
  /** Range of a slider, where the bounds are for mistakes rather than wishes. */
  readonly usual?: readonly [low: number, high: number];
  /** Choices that are data of the server. */
  readonly choices?: 'samplers' | 'schedulers' | 'checkpoints' | 'vaes' | 'upscalers' | 'hiresUpscalers' | 'styles';
  /** A field that must be given for this one to matter; one of several. */
  readonly when?: string | readonly string[];
}

/** What a finished picture's parameters are written from. */
export interface PictureFacts {
  readonly sampler: Pick<SamplerRow, 'name' | 'space' | 'reads' | 'usesSeedDelta'>;
  /** The noise schedule that was taken; undefined for samplers with one of their own. */
  readonly scheduler?: Pick<SchedulerRow, 'name' | 'reads'>;
  /** Pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Whether the network itself reads the start picture. */
  readonly readsPicture?: boolean;
  /** Whether it reads the mask and what is around it. */
  readonly readsMask?: boolean;
  /** Whether its text encoder heeds clip skip only when told to. */
  readonly forcesClipSkip?: boolean;
  /** What of the picture the networks are told. */
  readonly reads?: ReadonlySet<string>;
  readonly seed: number | string;
  readonly variationSeed?: number | string;
  /** The request with all defaults. */
  readonly request: Readonly<Record<string, unknown>>;
}

export interface InfotextFace {
  /** Keys that it reads, `-1` and `-2` of sizes left out; the rest of a text is told not to act. */
  readonly keys: readonly string[];
  /** Asked only where the setting acted. */
  readonly write?: (value: unknown, facts: PictureFacts) => readonly InfotextEntry[];
  /** Undefined where the text does not say it; anything else is held to the setting's schema. */
  readonly read?: (parsed: ParsedInfotext) => unknown;
}

/** A1111's side. Values are theirs; `read` and `write` turn them into ours and back, where they differ. */
export interface A1111Face {
  /** In the bodies of txt2img and img2img, and in `info`. */
  readonly field?: string;
  /** Their API's default of the field, where it is not ours. */
  readonly fallback?: unknown;
  /** Among the options (`override_settings`, `/options`). */
  readonly option?: string;
  /** The option that picture to picture looks at first; 0 there is none. */
  readonly img2imgOption?: string;
  /** Upstream takes the option's value whatever the field says. */
  readonly optionWins?: boolean;
  /** The option's default, as told by `/options`; ours where left out. */
  readonly optionDefault?: unknown;
  /** Kind of the field or option where it is not that of our schema. */
  readonly kind?: 'int' | 'float' | 'bool' | 'text';
  readonly only?: 'txt2img' | 'img2img';
  readonly read?: (value: never) => unknown;
  readonly write?: (value: never) => unknown;
}

export interface Setting<T extends z.ZodType = z.ZodType> {
  readonly type: T;
  readonly help: string;
  readonly form: SettingForm;
  readonly infotext?: InfotextFace;
  readonly a1111?: A1111Face;
  /** Beside OpenAI's own fields. */
  readonly openai?: string;
  /** The gallery keeps it in a column of its own, to search by. */
  readonly gallery?: true;
  /** A model may prefer a value of it, which stands for what a request leaves open. */
  readonly preferable?: true;
  /** Shorter name of the command line's flag; the long one is understood as well. */
  readonly flag?: string;
  /** The setting of samplers that it is; acts on those that read it. */
  readonly samplerOption?: SamplerOption;
  /** The same of noise schedules. */
  readonly scheduleOption?: SchedulerRow['reads'][number];
  /** Why it has no effect on this picture; undefined where it has. */
  readonly idle?: (facts: PictureFacts) => string | undefined;
}

/** A row as it is, its type kept. */
export function setting<T extends z.ZodType>(row: Setting<T>): Setting<T> {
  return row;
}

/** A row that the gallery searches by. */
export function listed<T extends z.ZodType>(row: Setting<T>): Setting<T> & { readonly gallery: true } {
  return { ...row, gallery: true };
}

/** A listed row that a model may prefer a value of. */
export function preferred<T extends z.ZodType>(
  row: Setting<T>,
): Setting<T> & { readonly gallery: true; readonly preferable: true } {
  return { ...listed(row), preferable: true };
}

/** A number or text under one key. `unless`: the value that asks for nothing and is not written. */
export function entry(key: string, options: { readonly unless?: unknown } = {}): InfotextFace {
  return {
    keys: [key],
    write: (value) => (value === undefined || Number(value) === options.unless ? [] : [[key, value as number]]),
    read: (parsed) => numberOf(parsed[key]),
  };
}

/** Text under one key. */
export function textEntry(key: string, options: { readonly unless?: string } = {}): InfotextFace {
  return {
    keys: [key],
    write: (value) => (value === undefined || value === options.unless ? [] : [[key, value as string]]),
    read: (parsed) => (parsed[key] === undefined ? undefined : String(parsed[key])),
  };
}

/** `True` where it is on, nothing where it is off; the other way round for what is usually on. */
export function flagEntry(key: string, { unless = false }: { readonly unless?: boolean } = {}): InfotextFace {
  return {
    keys: [key],
    write: (value) => (value === !unless ? [[key, value]] : []),
    read: (parsed) => (parsed[key] === undefined ? undefined : String(parsed[key]).toLowerCase() === 'true'),
  };
}

/** Past 2^53 the text itself, which no schema takes: better told than rounded. */
export function numberOf(value: unknown): number | string | undefined {
  if (value === undefined || value === '') return undefined;
  const number = Number(value);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? String(value) : number;
}
