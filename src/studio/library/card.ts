/**
 * The card of a model: what people wrote about it, from the side files of A1111 (`name.json`), of the Civitai helpers
 * (`name.civitai.info`) and of Darkroom's downloads (`name.darkroom.json`), and from its own metadata.
 */

import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ModelCard, modelCardSchema } from '#api/records/model';
import type { ModelDescription } from '#models/describe';
import { preferenceByName } from '#pipelines/settings/distilled';
import { type Preference, preferenceSchema } from '#pipelines/settings/index';
import { isMissing } from '../files/disk-error.ts';
import { readPlainText } from '../files/plain-file.ts';
import { modelStem } from './scan.ts';

/** Endings of the files beside a model that people write, or helpers for them. */
export const cardFiles = ['.darkroom.json', '.json', '.civitai.info'] as const;

const maxSideFileBytes = 2 ** 20;
/** Larger ones are no previews. */
const maxPreviewBytes = 32 * 2 ** 20;
const previewExtensions = ['png', 'jpg', 'jpeg', 'webp'] as const;

/** Later sources fill what earlier ones leave open. */
export async function readCard(path: string, description: ModelDescription): Promise<ModelCard> {
  const beside = join(dirname(path), modelStem(path));
  const [own, a1111, civitai] = await Promise.all(cardFiles.map((ending) => readSideFile(beside + ending)));
  const cards = [
    darkroomCard(own),
    a1111Card(a1111),
    civitaiCard(civitai),
    metadataCard(description.metadata),
    distilledCard(modelStem(path), description),
  ];
  return Object.assign({}, ...cards.reverse()) as ModelCard;
}

/** The picture that shows what a model does: `name.preview.png` or `name.png` and their like. */
export async function findPreview(path: string): Promise<string | undefined> {
  const beside = join(dirname(path), modelStem(path));
  for (const middle of ['.preview', '']) {
    for (const extension of previewExtensions) {
      const file = `${beside}${middle}.${extension}`;
      if (await isPreview(file)) return file;
    }
  }
  return undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function darkroomCard(file: Fields | undefined): ModelCard {
  const result = modelCardSchema.safeParse(file ?? {});
  return result.success ? result.data : {};
}

function a1111Card(file: Fields | undefined): ModelCard {
  if (!file) return {};
  const weight = Number(file['preferred weight']);
  return compact({
    description: text(file.description),
    triggerWords: words(file['activation text']),
    preferredWeight: weight === 0 || Number.isNaN(weight) ? undefined : weight,
    negativePrompt: text(file['negative text']),
    notes: text(file.notes),
    baseModel: text(file['sd version']),
    preferred: preference(file.preferred),
    vae: file.vae === 'Automatic' ? undefined : text(file.vae)?.slice(0, 500),
  });
}

/** Side files in which people say with which VAE a model draws; the first that does counts. */
export const vaeSideFiles = cardFiles.slice(0, 2);

/** What a model's card says of its VAE, read without the model. */
export async function vaeOfCard(path: string): Promise<string | undefined> {
  const beside = join(dirname(path), modelStem(path));
  const [own, a1111] = await Promise.all(vaeSideFiles.map((ending) => readSideFile(beside + ending)));
  return darkroomCard(own).vae ?? a1111Card(a1111).vae;
}

function civitaiCard(file: Fields | undefined): ModelCard {
  if (!file) return {};
  const model = (typeof file.model === 'object' && file.model !== null ? file.model : {}) as Fields;
  const trained = Array.isArray(file.trainedWords) ? file.trainedWords.filter((w) => typeof w === 'string') : [];
  const page = Number.isInteger(file.modelId) ? `https://civitai.com/models/${file.modelId}` : undefined;
  return compact({
    description: text(file.description) ?? text(model.description),
    triggerWords: trained.length > 0 ? trained : undefined,
    baseModel: text(file.baseModel),
    source: page,
  });
}

function metadataCard(metadata: Readonly<Record<string, string>>): ModelCard {
  return compact({
    description: text(metadata['modelspec.description']),
    triggerWords: words(metadata['modelspec.trigger_phrase']),
    licence: text(metadata['modelspec.license']),
    baseModel: text(metadata.ss_base_model_version) ?? text(metadata['modelspec.architecture']),
    tags: words(metadata['modelspec.tags']),
  });
}

/** Models that were distilled to few steps say so in their names alone. */
function distilledCard(name: string, { kind, metadata }: ModelDescription): ModelCard {
  if (kind !== 'checkpoint' && kind !== 'unet') return {};
  return compact({ preferred: preferenceByName(`${name} ${metadata['modelspec.title'] ?? ''}`) });
}

/** What does not fit is left out. */
function preference(value: unknown): Preference | undefined {
  const result = preferenceSchema.safeParse(value);
  return result.success && Object.keys(result.data).length > 0 ? result.data : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, 100_000) : undefined;
}

function words(value: unknown): string[] | undefined {
  const list = text(value)
    ?.split(',')
    .map((word) => word.trim().slice(0, 1000))
    .filter((word) => word !== '');
  return list && list.length > 0 ? list.slice(0, 500) : undefined;
}

function compact(fields: { readonly [K in keyof ModelCard]: ModelCard[K] | undefined }): ModelCard {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A broken side file is as good as none: the model itself may be fine. */
async function readSideFile(file: string): Promise<Fields | undefined> {
  try {
    const value: unknown = JSON.parse(await readPlainText(file, maxSideFileBytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

async function isPreview(file: string): Promise<boolean> {
  try {
    const facts = await stat(file);
    return facts.isFile() && facts.size <= maxPreviewBytes;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
