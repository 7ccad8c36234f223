/**
 * Textual inversion files (Gal et al. 2022, arXiv:2208.01618): vectors that stand for a word, in every form in which
 * they are shared, and which of them a model's text encoders take.
 *
 * Forms: A1111 (`string_to_param`, one entry), diffusers (one tensor under its placeholder), kohya (`emb_params`), SDXL
 * (`clip_l` and `clip_g`); inside a LoRA's file any of A1111's and SDXL's under `bundle_emb.NAME`. Those inside pictures
 * are in embedding-picture.ts.
 */

import { UserError } from '#core/errors';
import type { Matrix } from '../adapters/matrix.ts';
import { readWeight } from '../adapters/read-weight.ts';
import type { TextEncoderPart } from '../family.ts';
import { ModelFileError } from '../model-error.ts';
import type { StoredTensor } from '../resolve.ts';
import type { ModelFiles, TensorFile } from '../tensor-file.ts';

export interface Embedding {
  /** [vectors, width] by the key of the text encoder they are for; under `''` where the file has a single table. */
  readonly tables: ReadonlyMap<string, Matrix>;
  /** The word that its trainer had for it. */
  readonly placeholder?: string | undefined;
}

/** Key of a table that names no text encoder. */
export const soleTable = '';

/** Names of tables that say what they are rather than what they are called by. */
const plainNames: readonly string[] = ['emb_params', '*'];

const bundled = /^bundle_emb\.([^.]+)\.(.+)$/;

/** Embeddings that a LoRA's file brings along, by the name that prompts call them by (kohya's `bundle_emb`). */
export async function readBundled(files: ModelFiles, file: TensorFile): Promise<ReadonlyMap<string, Embedding>> {
  const byName = new Map<string, Map<string, StoredTensor>>();
  for (const [stored, tensor] of file.tensors) {
    const [, name, own] = bundled.exec(stored) ?? [];
    if (name === undefined || own === undefined) continue;
    const tensors = byName.get(name) ?? new Map<string, StoredTensor>();
    byName.set(name, tensors.set(own, tensor));
  }
  const found = new Map<string, Embedding>();
  for (const [name, tensors] of byName) found.set(name, await readEmbedding(files, { ...file, tensors }));
  return found;
}

/** @throws ModelFileError for a file that is no embedding, or damaged */
export async function readEmbedding(files: ModelFiles, file: TensorFile): Promise<Embedding> {
  const tables = new Map<string, Matrix>();
  const names = [...file.tensors.keys()];
  const keyed = names.length > 0 && names.every((name) => /^clip_[a-z]$/.test(name));
  if (!keyed && names.length !== 1) {
    const message = `an embedding is one table of vectors, or clip_l and clip_g; this file has ${names.length} tensors`;
    throw new ModelFileError('embedding', message, file.path);
  }
  for (const name of names) {
    const { ref, dtype, shape } = file.tensors.get(name)!;
    if (!ref || (shape.length !== 1 && shape.length !== 2)) {
      const message = `${name} is ${dtype} of shape [${shape.join(', ')}]; expected numbers [vectors, width]`;
      throw new ModelFileError('embedding', message, file.path);
    }
    tables.set(keyed ? name : soleTable, asTable(await readWeight(files, ref)));
  }
  const own = names[0]!.replace(/^string_to_param\./, '');
  return checked({ tables, placeholder: keyed || plainNames.includes(own) ? undefined : own }, file.path);
}

/** A lone vector has no axis for their number. */
export function asTable({ shape, data }: Matrix): Matrix {
  return { shape: shape.length === 1 ? [1, ...shape] : shape, data };
}

/** @throws ModelFileError for NaN, and for tables of different lengths */
export function checked(embedding: Embedding, path: string): Embedding {
  const tables = [...embedding.tables.values()];
  if (!tables.every(({ data }) => data.every(Number.isFinite))) {
    throw new ModelFileError('embedding-damaged', 'it holds NaN or infinity; get the file again', path);
  }
  const counts = new Set(tables.map(({ shape }) => shape[0]));
  if (counts.size === 1 && !counts.has(0)) return embedding;
  throw new ModelFileError('embedding', `its tables have ${[...counts].join(' and ')} vectors`, path);
}

/**
 * What each text encoder of a model takes of an embedding, by component.
 * @throws UserError for one that was made for other text encoders
 */
export function tablesFor(
  { tables }: Embedding,
  encoders: readonly TextEncoderPart[],
  title: string,
): ReadonlyMap<string, Matrix> {
  const found = encoders.map(({ component, embeddingKey = soleTable, width }) => {
    const table = tables.get(embeddingKey);
    return table?.shape[1] === width ? ([component, table] as const) : undefined;
  });
  if (found.every((entry) => entry !== undefined)) return new Map(found);
  const got = [...tables.values()].map(({ shape }) => shape[1]).join(' + ');
  const wanted = encoders.map(({ width }) => width).join(' + ');
  const message = `its vectors are ${got} numbers wide and ${title} takes ${wanted}; it was made for another model.`;
  throw new UserError('embedding.width', message);
}
