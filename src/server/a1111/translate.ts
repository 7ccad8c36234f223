/**
 * A1111's generation requests as requests of ours, by way of the table of settings. Where the value of a setting comes
 * from: the field, else `override_settings`, else the request's infotext, else the stored options, else upstream's
 * default. What would change the picture and is not there yet is refused by name (501); whatever else is not acted on
 * is told as a warning, never left out in silence.
 *
 * Quirks kept: an unknown sampler becomes the first of the list; old combined names ("DPM++ 2M Karras") are split;
 * sides are cut to multiples of 8; values outside their bounds are brought inside; infotext fills what the request
 * leaves out (but the model). Left out: saving without the gallery (`save_images` is always on here), grids.
 */

import { z } from 'zod';
import { FieldError } from '#api/check';
import { UserError } from '#core/errors';
import { findSampler, findSamplerAndScheduler } from '#diffusion/samplers/index';
import type { GenerateSettings } from '#pipelines/request';
import {
  defaultOf,
  preferable,
  type SettingName,
  settingRows,
  settingsOfInfotext,
  valueType,
} from '#pipelines/settings/index';
import type { InfotextReading } from '#pipelines/settings/infotext-reading';
import type { A1111Face } from '#pipelines/settings/setting';
import { resamplerNames } from '#pipelines/upscale/upscalers';
import { extractExtraNetworks } from '#prompt/extra-networks';
import type { ParsedInfotext } from '#prompt/infotext';
import { type LocalFiles, withLocalNames } from '#studio/library/local-names';
import { MissingFeatureError } from '../http/errors.ts';
import { type TranslatedUnit, unitsOfArguments } from './control-units.ts';
import { impliedOptions, promptNetworks } from './option-table.ts';
import { etaOptions, type Options, readOption } from './options.ts';
import type { CommonFields, Img2imgFields, Txt2imgFields } from './schemas.ts';
import { img2imgSchema, txt2imgSchema } from './schemas.ts';
import { checkScripts, fieldsOfScripts, scriptArguments, settingsOfScripts } from './scripts.ts';

export interface Translation {
  readonly input: GenerateSettings;
  /** Units of control, whose pictures are still to be read. */
  readonly controls: readonly TranslatedUnit[];
  /** What is not acted on, one sentence each. */
  readonly warnings: string[];
}

type Tab = 'txt2img' | 'img2img';

/** What a request is translated with. */
export interface TranslateWith {
  readonly stored: Options;
  readonly files: LocalFiles;
  readonly readInfotext: (text: string) => Promise<InfotextReading>;
}

/** @throws MissingFeatureError, FieldError */
export async function txt2imgInput(fields: Txt2imgFields, using: TranslateWith): Promise<Translation> {
  return await translated(fields, 'txt2img', using);
}

/** Everything but the pictures. @throws MissingFeatureError, FieldError */
export async function img2imgInput(fields: Img2imgFields, using: TranslateWith): Promise<Translation> {
  const { mask_blur_x: x } = fields;
  const translation = await translated({ ...fields, mask_blur: fields.mask_blur ?? x }, 'img2img', using);
  if (fields.latent_mask && !fields.mask) translation.warnings.push('latent_mask has no effect without a mask.');
  return translation;
}

async function translated(fields: CommonFields, tab: Tab, using: TranslateWith): Promise<Translation> {
  const { stored, files, readInfotext } = using;
  const reading = fields.infotext ? await readInfotext(fields.infotext) : undefined;
  const said = reading && { reading, parsed: await withLocalNames(reading, files) };
  return new Translator(fields, stored, tab, files, said).translate();
}

/** What the request's infotext says: as it is written, and by the names of files that are here. */
interface Said {
  readonly reading: InfotextReading;
  readonly parsed: ParsedInfotext;
}

function isName(value: string | null | undefined): boolean {
  return Boolean(value) && value!.toLowerCase() !== 'none';
}

/** One request on its way; collects what is to be told. */
class Translator {
  readonly #fields: CommonFields;
  readonly #stored: Options;
  readonly #tab: Tab;
  readonly #overrides: Readonly<Record<string, unknown>>;
  readonly #infotext: Said | undefined;
  readonly #said: Partial<Record<SettingName, unknown>>;
  readonly #files: LocalFiles;
  readonly #warnings: string[] = [];

  constructor(fields: CommonFields, stored: Options, tab: Tab, files: LocalFiles, infotext: Said | undefined) {
    this.#fields = { ...fields, ...fieldsOfScripts(fields) };
    this.#stored = stored;
    this.#tab = tab;
    this.#files = files;
    this.#infotext = infotext;
    this.#said = infotext ? settingsOfInfotext(infotext.parsed) : {};
    this.#overrides = this.#readOverrides();
  }

  translate(): Translation {
    checkScripts(this.#fields, this.#tab);
    this.#reportFields();
    this.#reportInfotext();
    const values: Partial<Record<SettingName, unknown>> = {};
    for (const [name, { a1111, form }] of settingRows) {
      if (!a1111 || (a1111.only ?? this.#tab) !== this.#tab || !this.#hasInput(form.when)) continue;
      const value = this.#bounded(name, this.#valueOf(name, a1111));
      if (value !== undefined) values[name] = value;
    }
    // Sent by every client, whatever is painted.
    if (values.inpaintArea !== 'Only masked') delete values.inpaintPadding;
    const sampler = this.#sampler(values.scheduler as string);
    const model = this.#overrides.sd_model_checkpoint;
    const input = {
      // Upstream's defaults, whatever the model prefers.
      ...Object.fromEntries(preferable.map((name) => [name, defaultOf(name)])),
      ...values,
      prompt: this.#withNetworks(values.prompt),
      ...sampler,
      eta: values.eta ?? this.#eta(sampler.sampler),
      width: cut(values.width as number | undefined),
      height: cut(values.height as number | undefined),
      model: typeof model === 'string' && model !== '' ? model : undefined,
      styles: (this.#fields.styles ?? []).map(String),
      ...this.#firstPass(),
      ...this.#ofScript(),
    };
    const { units, warnings } = unitsOfArguments(scriptArguments(this.#fields, 'controlnet'));
    this.#warnings.push(...warnings);
    if (this.#said.controls !== undefined && units.length === 0) {
      this.#warnings.push(
        'The infotext names units of ControlNet; send them with their pictures, which no text holds.',
      );
    }
    // Held to their types above.
    const held = { ...input, controls: units.map(({ unit }) => unit) } as GenerateSettings;
    return { input: held, controls: units, warnings: this.#warnings };
  }

  /** Clients send the fields of pictures, masks and second passes whether there is one or not, as upstream lets them. */
  #hasInput(when: string | readonly string[] | undefined): boolean {
    const given: Readonly<Record<string, boolean>> = {
      init: this.#tab === 'img2img',
      mask: Boolean(this.#fields.mask),
      hires: this.#tab === 'txt2img' && (this.#fields.enable_hr ?? this.#said.hires) === true,
      refiner: isName((this.#fields.refiner_checkpoint ?? this.#said.refiner) as string | null | undefined),
    };
    const names = when === undefined ? [] : [when].flat();
    return names.length === 0 || names.some((name) => given[name] ?? true);
  }

  /** The picture in place of a first pass; without hires fix it has no effect there either. */
  #firstPass(): Readonly<Record<string, unknown>> {
    if (this.#tab !== 'txt2img' || !this.#fields.firstpass_image) return {};
    if (this.#hasInput('hires')) return { hiresOnly: true };
    this.#warnings.push('firstpass_image has no effect without enable_hr.');
    return {};
  }

  /** What scripts stand for, held to its types. */
  #ofScript(): Readonly<Record<string, unknown>> {
    const given = settingsOfScripts(this.#fields, upscalerNames(this.#files));
    const checked = Object.entries(given).map(([field, value]) => [
      field,
      value === undefined ? undefined : this.#bounded(field as SettingName, value),
    ]);
    return Object.fromEntries(checked) as Record<string, unknown>;
  }

  #readOverrides(): Readonly<Record<string, unknown>> {
    const read: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(this.#fields.override_settings ?? {})) {
      if (value === null || value === undefined) continue;
      const option = readOption(name, value);
      if (option.missing !== undefined) throw new MissingFeatureError(option.missing.part, option.missing.why);
      if (!option.known || option.quiet) this.#warnings.push(`override_settings.${name} has no effect here.`);
      if (option.known) read[name] = option.value;
    }
    return read;
  }

  #reportFields(): void {
    const schema = this.#tab === 'txt2img' ? txt2imgSchema : img2imgSchema;
    const { script_args, script_name } = this.#fields;
    for (const name of Object.keys(this.#fields)) {
      if (!Object.hasOwn(schema.shape, name))
        this.#warnings.push(`${name} is no field of ${this.#tab}; it has no effect.`);
    }
    if ((script_args?.length ?? 0) > 0 && !script_name) {
      this.#warnings.push('script_args has no effect without a script_name.');
    }
  }

  #reportInfotext(): void {
    if (!this.#infotext) return;
    const { missing, unheeded } = this.#infotext.reading;
    if (missing.length > 0) throw new MissingFeatureError(missing.join(', '));
    for (const key of unheeded) this.#warnings.push(`"${key}" in the infotext has no effect here.`);
    this.#reportModel();
  }

  /** Upstream's default too: the checkpoint of an infotext is not switched to. */
  #reportModel(): void {
    const said = this.#infotext?.parsed.Model;
    const taken = this.#overrides.sd_model_checkpoint ?? this.#stored.sd_model_checkpoint;
    if (said === undefined || typeof taken !== 'string' || stemOf(taken) === stemOf(String(said))) return;
    this.#warnings.push(`The infotext names the model ${said}; ${taken} was taken.`);
  }

  /** In our terms, not yet held to the schema. */
  #valueOf(name: SettingName, face: A1111Face): unknown {
    const read = (value: unknown): unknown =>
      face.read && value !== undefined && value !== null ? face.read(value as never) : value;
    const field = face.field === undefined ? undefined : (this.#fields[face.field] ?? undefined);
    const option = this.#option(face, this.#overrides);
    const kept = this.#option(face, this.#stored);
    if (field !== undefined && !face.optionWins) return read(field);
    const value = option === undefined ? (this.#said[name] ?? read(kept ?? face.fallback)) : read(option);
    if (face.optionWins && field !== undefined && read(field) !== value) {
      this.#warnings.push(`${face.field}: upstream takes the option ${face.option} instead, and so does Darkroom.`);
    }
    return value;
  }

  /** Of picture to picture the option of its own first, where that says anything. */
  #option({ option, img2imgOption }: A1111Face, from: Readonly<Record<string, unknown>>): unknown {
    const own = this.#tab === 'img2img' && img2imgOption !== undefined ? from[img2imgOption] : undefined;
    return own || (option === undefined ? undefined : (this.#implied(option, from) ?? from[option]));
  }

  /** What another option that is on says of this one, where it says nothing itself. */
  #implied(option: string, from: Readonly<Record<string, unknown>>): unknown {
    if (from[option]) return undefined;
    const rows = Object.entries(impliedOptions).filter(([name]) => from[name] === true);
    return rows.map(([, values]) => values[option]).find((value) => value !== undefined);
  }

  /** Networks that options name, behind the prompt unless it names them itself. */
  #withNetworks(prompt: unknown): unknown {
    const of = (option: string): unknown => this.#overrides[option] ?? this.#stored[option];
    const { networks } = extractExtraNetworks(String(prompt ?? ''));
    const tags = Object.entries(promptNetworks).flatMap(([option, kind]) => {
      const name = of(option);
      const isNamed = networks.some((network) => network.kind === kind && network.args[0] === name);
      return typeof name === 'string' && isName(name) && !isNamed
        ? [`<${kind}:${name}:${Number(of('extra_networks_default_multiplier') ?? 1)}>`]
        : [];
    });
    return tags.length === 0 ? prompt : String(prompt ?? '') + tags.join('');
  }

  /** Numbers outside the bounds are brought inside, with a word. @throws FieldError for what is no value at all */
  #bounded(name: SettingName, value: unknown): unknown {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && name !== 'seed' && name !== 'subseed') {
      if (value === 0 && (name === 'width' || name === 'height')) return undefined;
      const { minimum = value, maximum = value } = boundsOf(name);
      const inside = Math.min(Math.max(value, minimum), maximum);
      if (inside !== value)
        this.#warnings.push(`${name}: ${value} is not from ${minimum} to ${maximum}; ${inside} was taken.`);
      return this.#checked(name, inside);
    }
    if (name === 'seed' || name === 'subseed') this.#refuseLargeSeed(name, value);
    // Any negative seed draws one there.
    if (typeof value === 'number' && value < 0) return -1;
    return this.#checked(name, value);
  }

  #refuseLargeSeed(name: SettingName, value: unknown): void {
    if (typeof value === 'number' ? Number.isSafeInteger(value) : !/^\d+$/.test(String(value))) return;
    throw new FieldError(name, `${name}: seeds end at ${Number.MAX_SAFE_INTEGER} here, got ${String(value)}.`);
  }

  #checked(name: SettingName, value: unknown): unknown {
    const result = valueType(name).safeParse(value);
    if (result.success) return result.data;
    const field = settingRows.find(([each]) => each === name)?.[1].a1111;
    const shown = field?.field ?? field?.option ?? name;
    throw new FieldError(shown, `${shown}: ${result.error.issues[0]!.message}, got ${JSON.stringify(value)}.`);
  }

  #sampler(wanted = 'Automatic'): { sampler: string; scheduler: string } {
    const { sampler_name, sampler_index } = this.#fields;
    const name = String(sampler_name || this.#said.sampler || sampler_index || 'Euler');
    const known = attempt(() => findSamplerAndScheduler(name, wanted));
    if (known) return { sampler: known.sampler.name, scheduler: known.scheduler.name };
    // The sampler stays where only the schedule is unknown.
    const alone = attempt(() => findSamplerAndScheduler(name));
    if (alone) {
      this.#warnings.push(`There is no noise schedule ${wanted}; ${alone.scheduler.name} was taken.`);
      return { sampler: alone.sampler.name, scheduler: alone.scheduler.name };
    }
    const first = findSampler('DPM++ 2M').name;
    this.#warnings.push(`There is no sampler ${name}; ${first} was taken, as upstream does.`);
    const scheduler = attempt(() => findSamplerAndScheduler(first, wanted))?.scheduler.name ?? 'Automatic';
    return { sampler: first, scheduler };
  }

  /** Upstream has one option for samplers on timesteps and one for the others; only another value than its default. */
  #eta(sampler: string): number | undefined {
    const { option, fallback } = etaOptions[findSampler(sampler).space];
    const value = this.#overrides[option] ?? this.#said.eta ?? this.#stored[option];
    if (typeof value !== 'number' || value === fallback) return undefined;
    return this.#bounded('eta', value) as number;
  }
}

/** In the order of `/upscalers`. */
function upscalerNames(files: LocalFiles): string[] {
  return [...resamplerNames, ...files.list({ kind: 'upscaler' }).map(({ name }) => name)];
}

/** A model's name without folders, extension and hash. */
function stemOf(name: string): string {
  const file = name.replaceAll('\\', '/').split('/').at(-1)!;
  return file
    .replace(/ \[[0-9a-f]+\]$/, '')
    .replace(/\.(safetensors|ckpt|pt)$/i, '')
    .toLowerCase();
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function boundsOf(name: SettingName): { minimum?: number; maximum?: number } {
  return z.toJSONSchema(valueType(name), { io: 'input' }) as { minimum?: number; maximum?: number };
}

function cut(side: number | undefined): number | undefined {
  return side === undefined ? undefined : side - (side % 8);
}
