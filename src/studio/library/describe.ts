/** What a model's header says, reduced to what the library keeps. Runs in the reader's process. */

import type { ModelKind } from '#api/records/model';
import { UserError } from '#core/errors';
import { describeFile, type FilePart } from '#models/detect';
import { soleTable } from '#models/embeddings/read';
import { identifyCheckpoint } from '#models/load';
import { type ModelSource, openModelSource } from '#models/model-source';
import type { TensorTable } from '#models/tensor-table';
import { upscalerScale } from '#models/upscalers/index';
import { nodeModelFiles } from '../files/model-files.ts';
import { readEmbeddingFile } from './embeddings.ts';
import { isPictureFile } from './scan.ts';

export interface ModelDescription {
  /** By the header; `unknown` when it tells nothing. */
  readonly kind: ModelKind;
  /** Family it is or was made for, e.g. `sd1`. */
  readonly family?: string;
  /** `inpaint`, `depth`, … */
  readonly variant?: string;
  /** For sentences: `an SDXL checkpoint`. */
  readonly title: string;
  readonly parts: readonly FilePart[];
  readonly parameters: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Tags of the pictures it was trained on with their counts, most frequent first (kohya's `ss_tag_frequency`). */
  readonly trainedTags: readonly (readonly [tag: string, count: number])[];
  readonly hasThumbnail: boolean;
  /** Of a textual inversion: its vectors, and their width. */
  readonly embedding?: { readonly vectors: number; readonly width: number };
  /** Of an upscaler: by how much it enlarges. */
  readonly scale?: number;
  /** Why it cannot be used. */
  readonly problem?: string;
}

/** Where Darkroom's own files say their family. */
const embeddedConfigKey = 'darkroom.config';
const thumbnailKey = 'modelspec.thumbnail';
const tagsKey = 'ss_tag_frequency';
/** Longer values (thumbnails, tag lists, training logs) are read again when asked for. */
const maxValueLength = 4000;
/** Of all values together: every list of models has them. */
const mostDescribed = 64 * 1024;
const longestTag = 200;

/** Never throws for a bad file: the description says what is wrong with it. */
export async function describeModel(path: string): Promise<ModelDescription> {
  try {
    if (isPictureFile(path)) return await describePicture(path);
    const source = await openModelSource(nodeModelFiles, path);
    const told = { told: toldFamily(source.metadata), pipeline: source.pipeline };
    const { kind, family, variant, title, parts } = describeFile(source.tensors, told);
    return {
      kind,
      family,
      variant,
      title,
      problem: kind === 'checkpoint' || kind === 'unet' ? await problemOf(source) : undefined,
      parts,
      parameters: parts.reduce((sum, part) => sum + part.parameters, 0),
      metadata: shortValues(source.metadata),
      trainedTags: trainedTags(source.metadata[tagsKey]),
      hasThumbnail: source.metadata[thumbnailKey]?.startsWith('data:image/') ?? false,
      scale: kind === 'upscaler' ? upscalerScale(source.tensors) : undefined,
      embedding: kind === 'embedding' ? embeddingShape(source.tensors) : undefined,
    };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const title = 'a file that cannot be read';
    return {
      kind: 'unknown',
      title,
      parts: [],
      parameters: 0,
      metadata: {},
      trainedTags: [],
      hasThumbnail: false,
      problem,
    };
  }
}

/** Why a model cannot be run, whatever its weights. */
async function problemOf(source: ModelSource): Promise<string | undefined> {
  try {
    await identifyCheckpoint(nodeModelFiles, source);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.replace(`${source.path}: `, '');
  }
}

/** An embedding in a picture. */
async function describePicture(path: string): Promise<ModelDescription> {
  const { tables, name } = await readEmbeddingFile(path);
  const keys = [...tables.keys()];
  const table = (key: string) => ({ dtype: 'f32' as const, shape: tables.get(key)!.shape });
  const named = new Map(keys.map((key) => [key === soleTable ? 'emb_params' : key, table(key)]));
  const { kind, family, title, parts } = describeFile(named);
  return {
    kind,
    family,
    title,
    parts,
    parameters: parts.reduce((sum, part) => sum + part.parameters, 0),
    metadata: name === undefined ? {} : { name },
    trainedTags: [],
    hasThumbnail: false,
    embedding: embeddingShape(named),
  };
}

/** The thumbnail inside a file's metadata (a data URL), as bytes. */
export async function readThumbnail(path: string): Promise<Uint8Array | undefined> {
  if (isPictureFile(path)) return undefined;
  const { metadata } = await openModelSource(nodeModelFiles, path);
  const base64 = /^data:image\/[a-z]+;base64,(.*)$/s.exec(metadata[thumbnailKey] ?? '')?.[1];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

/** Of what a file may say about itself: nobody has more to say, and all of it goes through the server. */
const mostValues = 1000;
const mostMetadata = 2 * 2 ** 20;

/** Metadata of a file, long values included; what is beyond all bounds is left out, with a word in its place. */
export async function readMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  if (isPictureFile(path)) return (await describePicture(path)).metadata;
  const { metadata } = await openModelSource(nodeModelFiles, path);
  let room = mostMetadata;
  const entries = Object.entries(metadata)
    .slice(0, mostValues)
    .map(([name, value]) => {
      const length = name.length + value.length;
      if (length <= room) {
        room -= length;
        return [name, value];
      }
      return [name.slice(0, maxValueLength), `(${value.length} characters, left out)`];
    });
  return Object.fromEntries(entries) as Record<string, string>;
}

/** A lone vector has no axis for their number. */
function embeddingShape(tensors: TensorTable): ModelDescription['embedding'] {
  const [shape] = Array.from(tensors.values(), (tensor) => tensor.shape).filter(
    ({ length }) => length === 1 || length === 2,
  );
  if (!shape) return undefined;
  return { vectors: shape.length === 1 ? 1 : shape[0]!, width: shape.at(-1)! };
}

/** The family that a file’s own configuration states. */
export function toldFamily(metadata: Readonly<Record<string, string>>): string | undefined {
  const config = parseObject(metadata[embeddedConfigKey]);
  return typeof config?.family === 'string' ? config.family : undefined;
}

function shortValues(metadata: Readonly<Record<string, string>>): Record<string, string> {
  let room = mostDescribed;
  const short = Object.entries(metadata).filter(([name, value]) => {
    const length = name.length + value.length;
    if (length > Math.min(maxValueLength, room)) return false;
    room -= length;
    return true;
  });
  return Object.fromEntries(short);
}

/** `{"<folder>": {"<tag>": count}}`, summed over folders. */
function trainedTags(json: string | undefined): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const tags of Object.values(parseObject(json) ?? {})) {
    if (typeof tags !== 'object' || tags === null) continue;
    for (const [tag, count] of Object.entries(tags)) {
      if (typeof count === 'number' && tag.length <= longestTag)
        counts.set(tag.trim(), (counts.get(tag.trim()) ?? 0) + count);
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 50);
}

function parseObject(json: string | undefined): Record<string, unknown> | undefined {
  if (json === undefined || json.length > 20_000_000) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
