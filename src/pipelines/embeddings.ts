/**
 * Textual inversions that prompts call by name. As in A1111, a name is found by its tokens wherever they stand, the
 * longest first, in the prompt and in the negative prompt. One that does not fit the model is read as words and told.
 */

import { UserError } from '#core/errors';
import type { Matrix } from '#models/adapters/matrix';
import type { TextEncoderPart } from '#models/family';
import { CHUNK_LENGTH, type EmbeddingMatch, type FindEmbedding } from '#prompt/chunks';
import type { EmphasisMode } from '#prompt/emphasis';
import { planPrompt } from '#prompt/encode-plan';
import type { Tokenizer } from '#prompt/tokenizer';
import type { FoundEmbedding, PipelineModel } from './model.ts';

export interface JobEmbeddings {
  /** Of those that act, by name. */
  readonly tables: ReadonlyMap<string, FoundEmbedding['tables']>;
  /** Of those that act, where known. */
  readonly hashes: readonly (readonly [name: string, hash: string])[];
  readonly warnings: readonly string[];
}

export const noEmbeddings: JobEmbeddings = { tables: new Map(), hashes: [], warnings: [] };

/**
 * Opens what `texts` name; they are whole texts as text encoders see them, without networks and prompt editing.
 * `brought`: those that other networks bring along, which come before files of the same name.
 */
export async function openJobEmbeddings(
  texts: readonly string[],
  model: PipelineModel,
  emphasis: EmphasisMode,
  brought: ReadonlyMap<string, FoundEmbedding['tables']> = new Map(),
): Promise<JobEmbeddings> {
  const [part] = model.parts.textEncoders;
  const names = new Set([...brought.keys(), ...((await model.embeddingNames?.(texts)) ?? [])]);
  if (!part || names.size === 0) return noEmbeddings;
  const tables = new Map<string, FoundEmbedding['tables']>();
  const hashes: [string, string][] = [];
  const warnings: string[] = [];
  // What is left out may hide a shorter name in its own.
  for (let next = unopened(texts, part, names, tables, emphasis); next.length > 0; ) {
    for (const name of next) {
      try {
        const own = brought.get(name);
        const found = own ? { tables: own } : await model.openEmbedding!(name);
        tables.set(name, checkedLength(found.tables));
        if (found.hash !== undefined) hashes.push([name, found.hash]);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        names.delete(name);
        warnings.push(`${name} is read as words: ${error.message}`);
      }
    }
    next = unopened(texts, part, names, tables, emphasis);
  }
  return { tables, hashes, warnings };
}

function unopened(
  texts: readonly string[],
  part: TextEncoderPart,
  names: ReadonlySet<string>,
  opened: ReadonlyMap<string, unknown>,
  emphasis: EmphasisMode,
): string[] {
  const tokenizer = part.tokenizer();
  const found = new Set<string>();
  const find = namesIn(tokenizer, names);
  const findEmbedding: FindEmbedding = (ids, position) => {
    const match = find(ids, position);
    if (match) found.add(match.name);
    return match && { ...match, vectors: 1 };
  };
  for (const text of texts) planPrompt(text, { tokenizer, padId: part.padId, emphasis, findEmbedding });
  return [...found].filter((name) => !opened.has(name));
}

function checkedLength(tables: FoundEmbedding['tables']): FoundEmbedding['tables'] {
  const vectors = vectorsOf(tables);
  if (vectors <= CHUNK_LENGTH) return tables;
  const message = `it has ${vectors} vectors, and a prompt takes at most ${CHUNK_LENGTH} in one embedding.`;
  throw new UserError('embedding.length', message);
}

/** The same number for every text encoder. */
function vectorsOf(tables: FoundEmbedding['tables']): number {
  return [...tables.values()][0]?.shape[0] ?? 0;
}

/** The finder for one text encoder; undefined where no prompt names any. */
export function embeddingFinder({ tables }: JobEmbeddings, tokenizer: Tokenizer): FindEmbedding | undefined {
  if (tables.size === 0) return undefined;
  const find = namesIn(tokenizer, tables.keys());
  return (ids, position) => {
    const match = find(ids, position);
    return match && { ...match, vectors: vectorsOf(tables.get(match.name)!) };
  };
}

/** The vectors of an embedding for one text encoder. */
export function tableOf({ tables }: JobEmbeddings, name: string, { component }: TextEncoderPart): Matrix {
  return tables.get(name)!.get(component)!;
}

type FindName = (ids: readonly number[], position: number) => Omit<EmbeddingMatch, 'vectors'> | undefined;

/** Names by their first token, those of more tokens first. */
function namesIn(tokenizer: Tokenizer, names: Iterable<string>): FindName {
  const byFirst = new Map<number, { name: string; ids: readonly number[] }[]>();
  for (const name of names) {
    const ids = tokenizer.encode(name);
    const [first] = ids;
    if (first === undefined) continue;
    const known = byFirst.get(first) ?? [];
    byFirst.set(
      first,
      [...known, { name, ids }].sort((a, b) => b.ids.length - a.ids.length),
    );
  }
  return (ids, position) => {
    const match = byFirst.get(ids[position]!)?.find((each) => each.ids.every((id, i) => ids[position + i] === id));
    return match && { name: match.name, tokens: match.ids.length };
  };
}
