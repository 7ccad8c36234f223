/**
 * A1111's options: a flat dictionary that clients read and change. Those of settings come from the table of settings;
 * further ones that clients like to read are kept and given back; where files go cannot be changed by a request.
 */

import { FieldError } from '#api/check';
import { UserError } from '#core/errors';
import { defaultOf, type SettingName, settingRows, valueType } from '#pipelines/settings/index';
import type { A1111Face, Setting } from '#pipelines/settings/setting';
import type { LibraryModel } from '#studio/library/model';
import type { Studio } from '#studio/studio';
import { vaeKinds } from '#studio/work/check-request';
import { MissingFeatureError } from '../http/errors.ts';
import { fileOptions, impliedOptions, missingOptions, promptOptions, quietOptions } from './option-table.ts';
import { type Kind, kinds } from './pydantic.ts';
import { kindOf } from './schemas.ts';

export type Options = Readonly<Record<string, unknown>>;

const storeKey = 'a1111.options';

/** The two options of the noise share, by the space of the samplers that each is for. */
export const etaOptions = {
  sigma: { option: 'eta_ancestral', fallback: 1 },
  vp: { option: 'eta_ddim', fallback: 0 },
} as const;

/** Options that are no settings of a request; written to the studio's settings, or looked at by the routes. */
const studioOptions: Readonly<Record<string, Kind>> = {
  sd_model_checkpoint: 'text',
  samples_format: 'text',
  jpeg_quality: 'int',
  sd_checkpoint_hash: 'text',
};

type OptionRow = readonly [name: SettingName, row: Setting, face: A1111Face & { readonly option: string }];

const optionRows = new Map<string, OptionRow>(
  settingRows.flatMap(([name, row]) => {
    const { a1111 } = row;
    const options = [a1111?.option, a1111?.img2imgOption].filter((option) => option !== undefined);
    return options.map((option) => [option, [name, row, { ...a1111, option }] as OptionRow] as const);
  }),
);

/** Every option that is kept, with its default. */
const defaults: Options = {
  ...Object.fromEntries(
    [...optionRows].map(([option, [name, , face]]) => [
      option,
      'optionDefault' in face ? face.optionDefault : ours(name, face),
    ]),
  ),
  ...Object.fromEntries(Object.values(etaOptions).map(({ option, fallback }) => [option, fallback])),
  ...Object.fromEntries(Object.entries(missingOptions).map(([name, { fallback }]) => [name, fallback])),
  ...Object.fromEntries(Object.keys(impliedOptions).map((name) => [name, false])),
  ...promptOptions,
  ...fileOptions,
  ...quietOptions,
};

function ours(name: SettingName, { write }: A1111Face): unknown {
  const value = defaultOf(name);
  return write ? write(value as never) : value;
}

export interface ReadOption {
  /** Whether anything is done with it. */
  readonly known: boolean;
  readonly value: unknown;
  /** The part that this value would need. */
  readonly missing?: Pick<(typeof missingOptions)[string], 'part' | 'why'>;
  /** Another value than the default, which changes nothing here. */
  readonly quiet: boolean;
}

/** An option as a request gives it. @throws FieldError for a value of another type, or that is none of its choices */
export function readOption(name: string, given: unknown): ReadOption {
  const kind = kindOfOption(name);
  if (kind === undefined) return { known: false, value: given, quiet: false };
  const result = kinds[kind].safeParse(given);
  if (!result.success) throw new FieldError(name, `${name}: ${result.error.issues[0]!.message}.`);
  const value = result.data ?? defaults[name];
  const quiet = Object.hasOwn(quietOptions, name) && value !== quietOptions[name];
  return { known: true, value, missing: missingPart(name, value), quiet };
}

function kindOfOption(name: string): Kind | undefined {
  const row = optionRows.get(name);
  if (row) return kindOf(row[0], row[2]);
  if (Object.hasOwn(studioOptions, name)) return studioOptions[name];
  if (!Object.hasOwn(defaults, name)) return undefined;
  const fallback = defaults[name];
  return typeof fallback === 'number' ? 'float' : typeof fallback === 'boolean' ? 'bool' : 'text';
}

/** The part that an option would need and that is not there; undefined when it asks for nothing. */
function missingPart(name: string, value: unknown): ReadOption['missing'] {
  const other = Object.hasOwn(missingOptions, name) ? missingOptions[name] : undefined;
  // An empty name is no name.
  return !other || value === other.fallback || value === '' ? undefined : other;
}

export class OptionStore {
  readonly #studio: Pick<Studio, 'settings' | 'library'>;

  constructor(studio: Pick<Studio, 'settings' | 'library'>) {
    this.#studio = studio;
  }

  /** @param warnings takes what is kept and cannot be used any more, one sentence each */
  get(warnings: string[] = []): Options {
    const { defaultModel, outputFormat, outputQuality } = this.#studio.settings.get();
    const model = this.checkpoint(defaultModel);
    return {
      ...defaults,
      ...this.#usable(warnings),
      sd_model_checkpoint: model?.title ?? null,
      sd_checkpoint_hash: model?.sha256 ?? '',
      samples_format: outputFormat === 'jpeg' ? 'jpg' : outputFormat,
      jpeg_quality: outputQuality,
    };
  }

  /**
   * Changes options, all of them or none.
   * @returns what was not kept, one sentence each
   * @throws UserError `model.unknown`; FieldError for values of the wrong type and for folders; MissingFeatureError
   */
  set(patch: Options): string[] {
    const warnings: string[] = [];
    const stored: Record<string, unknown> = { ...this.#stored() };
    const read: Record<string, unknown> = {};
    for (const [name, given] of Object.entries(patch)) {
      if (/^(outdir|directories|temp_dir)/.test(name)) {
        throw new FieldError(name, `${name}: where files go cannot be changed by a request.`);
      }
      const { known, value, missing, quiet } = readOption(name, given);
      if (missing !== undefined) throw new MissingFeatureError(missing.part, missing.why);
      if (!known) warnings.push(`There is no option ${name} here; it was not kept.`);
      else read[name] = value;
      if (quiet) warnings.push(`${name} is kept, and has no effect here.`);
      if (known && !Object.hasOwn(studioOptions, name)) stored[name] = this.#checked(name, value);
    }
    this.#studio.settings.update(this.#settingsOf(read, warnings), { [storeKey]: stored });
    return warnings;
  }

  /** The checkpoint that a name, title or hash stands for; the embedded or first one for an empty name. */
  checkpoint(name: string): LibraryModel | undefined {
    const { library } = this.#studio;
    if (name === '') return library.list({ kind: 'checkpoint' }).find(({ description }) => !description.problem);
    try {
      return library.find(name, ['checkpoint', 'unet']);
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  /** What is kept, without what would break a request: a VAE whose file has gone, a value of an older version. */
  #usable(warnings: string[]): Options {
    return Object.fromEntries(
      Object.entries(this.#stored()).filter(([name, value]) => {
        try {
          this.#checked(name, value);
          return true;
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          warnings.push(`The option ${name} was left at its default: ${error.message}`);
          return false;
        }
      }),
    );
  }

  #stored(): Options {
    return (this.#studio.settings.read(storeKey) ?? {}) as Options;
  }

  /** Held to the setting's own schema: what is kept must not break a later request. */
  #checked(name: string, value: unknown): unknown {
    const row = optionRows.get(name);
    if (!row) return value;
    const [setting, , face] = row;
    const result = valueType(setting).safeParse(face.read ? face.read(value as never) : value);
    if (!result.success)
      throw new FieldError(name, `${name}: ${result.error.issues[0]!.message}, got ${String(value)}.`);
    if (setting === 'vae' && !isOwnVae(value)) this.#studio.library.find(String(value), vaeKinds);
    return value;
  }

  #settingsOf(read: Options, warnings: string[]): Record<string, string | number> {
    const { sd_model_checkpoint: model, samples_format: format, jpeg_quality: quality } = read;
    return {
      ...(typeof model === 'string'
        ? { defaultModel: this.#studio.library.find(model, ['checkpoint', 'unet'], warnings).name }
        : {}),
      ...(typeof format === 'string' ? { outputFormat: format === 'jpg' ? 'jpeg' : format } : {}),
      ...(typeof quality === 'number' ? { outputQuality: quality } : {}),
    };
  }
}

function isOwnVae(value: unknown): boolean {
  return /^(automatic|none)?$/i.test(String(value));
}
