/**
 * What a model file is, by its header alone: kind, family, parts, what it says of itself, and why it cannot be used. The
 * same for a library that lists it and for a page that looks into a file before it is brought.
 */

import { UserError } from '#core/errors';
import { describeFile, type FileDescription, type FilePart } from './detect.ts';
import { embeddedConfigKey } from './embedded-config.ts';
import { type FileKind, isDrawingKind } from './file-kinds.ts';
import { identifyCheckpoint } from './load.ts';
import { type ModelSource, openModelSource } from './model-source.ts';
import type { ModelFiles } from './tensor-file.ts';
import type { TensorTable } from './tensor-table.ts';
import { upscalerScale } from './upscalers/index.ts';

export interface ModelDescription {
  /** By the header; `unknown` when it tells nothing. */
  readonly kind: FileKind;
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

export const thumbnailKey = 'modelspec.thumbnail';
const tagsKey = 'ss_tag_frequency';
/** Longer values (thumbnails, tag lists, training logs) are read again when asked for. */
export const maxValueLength = 4000;
/** Of all values together: every list of models has them. */
const mostDescribed = 64 * 1024;
const longestTag = 200;

/** @throws UserError where it is no model file, or cannot be read */
export async function describeModel(files: ModelFiles, path: string): Promise<ModelDescription> {
  const source = await openModelSource(files, path);
  const told = { told: toldFamily(source.metadata), pipeline: source.pipeline };
  const description = describeFile(source.tensors, told);
  const { kind } = description;
  return {
    ...describedTensors(description, source.tensors),
    problem: isDrawingKind(kind) ? await problemOf(files, source) : undefined,
    metadata: shortValues(source.metadata),
    trainedTags: trainedTags(source.metadata[tagsKey]),
    hasThumbnail: source.metadata[thumbnailKey]?.startsWith('data:image/') ?? false,
  };
}

/** What tensors tell, of a file that says nothing of itself. */
export function describedTensors(
  { kind, family, variant, title, parts }: FileDescription,
  tensors: TensorTable,
): ModelDescription {
  return {
    kind,
    family,
    variant,
    title,
    parts,
    parameters: parts.reduce((sum, part) => sum + part.parameters, 0),
    metadata: {},
    trainedTags: [],
    hasThumbnail: false,
    scale: kind === 'upscaler' ? upscalerScale(tensors) : undefined,
    embedding: kind === 'embedding' ? embeddingShape(tensors) : undefined,
  };
}

/** Of a file that is none, or cannot be read. */
export function unreadable(error: unknown): ModelDescription {
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

/** Why a model cannot be run, whatever its weights. */
async function problemOf(files: ModelFiles, source: ModelSource): Promise<string | undefined> {
  try {
    await identifyCheckpoint(files, source);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.replace(`${source.path}: `, '');
  }
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
