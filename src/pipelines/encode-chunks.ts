/** Chunks of a prompt through a text encoder. */

import { i64 } from '#core/tensor';
import type { Session } from '#engine/backend';
import { hiddenTokenFeeds } from '#models/clip/hidden-tokens';
import { insertionFeeds } from '#models/embeddings/insert';
import type { TextEncoderPart } from '#models/family';
import type { PromptChunk } from '#prompt/chunks';
import { type JobEmbeddings, tableOf } from './embeddings.ts';
import { checkFinite } from './non-finite.ts';

export interface LoadedTextEncoder {
  readonly part: TextEncoderPart;
  readonly session: Session;
}

export interface EncodedChunks {
  /** Of each chunk, [positions, width]. */
  readonly hidden: readonly Float32Array[];
  /** Of each chunk, [pooledWidth], where the encoder makes one. */
  readonly pooled: readonly Float32Array[] | undefined;
}

/** `unseen`: positions of each chunk that no token looks at; none unless given. */
export async function encodeChunks(
  chunks: readonly PromptChunk[],
  { part, session }: LoadedTextEncoder,
  embeddings: JobEmbeddings,
  unseen: readonly (readonly number[])[] = chunks.map(() => []),
): Promise<EncodedChunks> {
  const ids = i64(
    [chunks.length, part.positions],
    chunks.flatMap((chunk) => chunk.ids),
  );
  const insertions = chunks.flatMap((chunk, i) =>
    chunk.insertions.map(({ name, position }) => ({
      at: i * part.positions + position,
      table: tableOf(embeddings, name, part),
    })),
  );
  const feeds = {
    ...insertionFeeds(session.graph, chunks.length, insertions),
    ...hiddenTokenFeeds(session.graph, unseen),
  };
  const { context, pooled } = await session.run({ ids, ...feeds });
  const hidden = context!.data as Float32Array;
  checkFinite(hidden, part.component, 'encoding the prompt');
  return {
    hidden: rowsOf(hidden, chunks.length),
    pooled: pooled && rowsOf(pooled.data as Float32Array, chunks.length),
  };
}

function rowsOf(values: Float32Array, rows: number): Float32Array[] {
  const size = values.length / rows;
  return Array.from({ length: rows }, (_, i) => values.slice(i * size, (i + 1) * size));
}

/** States of chunks, one after the other along the tokens. */
export function joinTokens(
  chunks: readonly Float32Array[],
  { positions }: TextEncoderPart,
): { tokens: number; data: Float32Array } {
  const size = chunks[0]!.length;
  const data = new Float32Array(chunks.length * size);
  for (const [i, chunk] of chunks.entries()) data.set(chunk, i * size);
  return { tokens: chunks.length * positions, data };
}
