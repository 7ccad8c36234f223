/**
 * Infotext, the generation parameters that travel in a picture, written.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/processing.py, create_infotext (keys, their order, when each is
 * shown). Left out: the keys of 8-bit weights.
 */

import { trimSpace } from './characters.ts';
import { infotextNumber, quoteValue } from './infotext-values.ts';

/** A number may be given as text where its form matters, such as `7.0`. */
export type InfotextNumber = number | string;
type EntryValue = string | number | boolean | null | undefined;

export interface InfotextFields {
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly steps: InfotextNumber;
  readonly sampler: string;
  readonly scheduler?: string | undefined;
  readonly cfgScale: InfotextNumber;
  readonly imageCfgScale?: InfotextNumber | undefined;
  /** Past 2^53 as text. */
  readonly seed: InfotextNumber;
  /** Name of the model that restored faces. */
  readonly faceRestoration?: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly modelHash?: string | undefined;
  readonly model?: string | undefined;
  readonly vaeHash?: string | undefined;
  readonly vae?: string | undefined;
  readonly variationSeed?: InfotextNumber | undefined;
  /** The variation is shown unless this is 0 or absent. */
  readonly variationSeedStrength?: InfotextNumber | undefined;
  readonly seedResizeFrom?: { readonly width: number; readonly height: number } | undefined;
  readonly denoisingStrength?: InfotextNumber | undefined;
  readonly conditionalMaskWeight?: InfotextNumber | undefined;
  /** Shown from 2. */
  readonly clipSkip?: number | undefined;
  /** Eta noise seed delta; shown unless 0. */
  readonly ensd?: number | undefined;
  readonly tokenMergingRatio?: InfotextNumber | undefined;
  readonly tokenMergingRatioHires?: InfotextNumber | undefined;
  readonly initImageHash?: string | undefined;
  /** Noise source; shown unless `GPU`. */
  readonly rng?: string | undefined;
  readonly tiling?: boolean | undefined;
  /**
   * More entries in order. One that has a standard key takes its place; a list holds one value for each image; null
   * is left out, and so is a value whose image is missing.
   */
  readonly extra?: Readonly<Record<string, EntryValue | readonly EntryValue[]>>;
  readonly version?: string | undefined;
  readonly user?: string | undefined;
}

/** @param imageIndex which image of the batch the text is for: picks from lists in `extra` */
export function writeInfotext(fields: InfotextFields, imageIndex = 0): string {
  const entries = new Map<string, EntryValue>(standardEntries(fields));
  for (const [key, value] of Object.entries(fields.extra ?? {}))
    entries.set(key, isList(value) ? value[imageIndex] : value);
  if (fields.version !== undefined) entries.set('Version', fields.version);
  if (fields.user !== undefined) entries.set('User', fields.user);

  const parameters = [...entries].flatMap(([key, value]) => entryText(key, value)).join(', ');
  const negative = fields.negativePrompt ? `\nNegative prompt: ${fields.negativePrompt}` : '';
  return trimSpace(`${fields.prompt}${negative}\n${parameters}`);
}

function standardEntries(fields: InfotextFields): [string, EntryValue][] {
  const { seedResizeFrom, clipSkip, ensd, rng } = fields;
  const varies = Number(fields.variationSeedStrength ?? 0) !== 0;
  return [
    ['Steps', fields.steps],
    ['Sampler', fields.sampler],
    ['Schedule type', fields.scheduler],
    ['CFG scale', fields.cfgScale],
    ['Image CFG scale', fields.imageCfgScale],
    ['Seed', fields.seed],
    ['Face restoration', fields.faceRestoration],
    ['Size', `${fields.width}x${fields.height}`],
    ['Model hash', fields.modelHash],
    ['Model', fields.model],
    ['VAE hash', fields.vaeHash],
    ['VAE', fields.vae],
    ['Variation seed', varies ? fields.variationSeed : undefined],
    ['Variation seed strength', varies ? fields.variationSeedStrength : undefined],
    ['Seed resize from', seedResizeFrom && `${seedResizeFrom.width}x${seedResizeFrom.height}`],
    ['Denoising strength', fields.denoisingStrength],
    ['Conditional mask weight', fields.conditionalMaskWeight],
    ['Clip skip', clipSkip !== undefined && clipSkip > 1 ? clipSkip : undefined],
    ['ENSD', ensd === 0 ? undefined : ensd],
    ['Token merging ratio', unlessZero(fields.tokenMergingRatio)],
    ['Token merging ratio hr', unlessZero(fields.tokenMergingRatioHires)],
    ['Init image hash', fields.initImageHash],
    ['RNG', rng === 'GPU' ? undefined : rng],
    ['Tiling', fields.tiling === true ? true : undefined],
  ];
}

function isList(value: EntryValue | readonly EntryValue[]): value is readonly EntryValue[] {
  return Array.isArray(value);
}

function unlessZero(value: InfotextNumber | undefined): InfotextNumber | undefined {
  return Number(value ?? 0) === 0 ? undefined : value;
}

/** No text for an absent value; the key alone for a value equal to it. */
function entryText(key: string, value: EntryValue): string[] {
  if (value === null || value === undefined) return [];
  return [value === key ? key : `${key}: ${valueText(value)}`];
}

function valueText(value: string | number | boolean): string {
  if (typeof value === 'number') return infotextNumber(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return quoteValue(value);
}
