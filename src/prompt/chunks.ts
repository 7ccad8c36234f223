/**
 * Weighted segments to the 77-token windows that a CLIP text encoder runs on.
 *
 * A chunk has room for 75 tokens between start and end. Where one overflows, what follows its last comma moves to the
 * next chunk if that is at most `commaBacktrack` tokens. Source: AUTOMATIC1111 web UI v1.10.1,
 * modules/sd_hijack_clip.py, tokenize_line (behaviour). Unlike there, a literal `<|endoftext|>` in
 * the prompt does not turn the rest of an OpenCLIP chunk into padding.
 */

import { UserError } from '#core/errors';
import { type AttentionSegment, isBreak } from './attention.ts';
import { padWindow, type Tokenizer } from './tokenizer.ts';

/** Tokens of content in a chunk. */
export const CHUNK_LENGTH = 75;
/** Tokens of a chunk with start and end. */
export const WINDOW_LENGTH = CHUNK_LENGTH + 2;

/** Vectors of a textual inversion that replace the token embeddings at `position .. position + vectors - 1`. */
export interface EmbeddingInsertion {
  readonly name: string;
  /** First position in the window of 77, where 0 is the start token. */
  readonly position: number;
  readonly vectors: number;
}

export interface PromptChunk {
  /** [77] start, content, end, padding; 0 stands where an embedding is inserted. */
  readonly ids: readonly number[];
  /** [77] attention weight of each position; 1 for start, end and padding. */
  readonly multipliers: readonly number[];
  readonly insertions: readonly EmbeddingInsertion[];
}

export interface EmbeddingMatch {
  readonly name: string;
  readonly vectors: number;
  /** How many tokens of the prompt name the embedding. */
  readonly tokens: number;
}

export type FindEmbedding = (ids: readonly number[], position: number) => EmbeddingMatch | undefined;

export interface ChunkOptions {
  readonly tokenizer: Tokenizer;
  /** Fills a chunk after its end token: 49407 for CLIP ViT-L/14, 0 for OpenCLIP. */
  readonly padId: number;
  /** How many tokens may move to the next chunk to break it at a comma; 0 never does. Default 20. */
  readonly commaBacktrack?: number;
  readonly findEmbedding?: FindEmbedding;
}

export interface ChunkedPrompt {
  /** At least one. */
  readonly chunks: readonly PromptChunk[];
  /** Content tokens including the padding of all chunks but the last: what the web UI's counter shows. */
  readonly tokenCount: number;
}

export const DEFAULT_COMMA_BACKTRACK = 20;

export function chunkSegments(segments: readonly AttentionSegment[], options: ChunkOptions): ChunkedPrompt {
  const writer = new ChunkWriter(options);
  for (const segment of segments) {
    if (isBreak(segment)) writer.close();
    else writeSegment(writer, segment, options);
  }
  return writer.finish();
}

/** A chunk without content, to lengthen a prompt that is run beside a longer one. */
export function emptyChunk(options: Pick<ChunkOptions, 'tokenizer' | 'padId'>): PromptChunk {
  return windowOf([], [], [], options);
}

function writeSegment(writer: ChunkWriter, segment: AttentionSegment, options: ChunkOptions): void {
  const ids = options.tokenizer.encode(segment.text);
  for (let position = 0; position < ids.length; ) {
    writer.prepareFor(ids[position]!);
    const embedding = options.findEmbedding?.(ids, position);
    if (embedding === undefined) {
      writer.addToken(ids[position]!, segment.weight);
      position += 1;
    } else {
      writer.addEmbedding(embedding, segment.weight);
      position += embedding.tokens;
    }
  }
}

class ChunkWriter {
  private readonly chunks: PromptChunk[] = [];
  private readonly options: ChunkOptions;
  private readonly commaId: number | undefined;
  private readonly commaBacktrack: number;
  private ids: number[] = [];
  private multipliers: number[] = [];
  private insertions: EmbeddingInsertion[] = [];
  /** Index of the last comma in this chunk, -1 if there is none. */
  private lastComma = -1;

  constructor(options: ChunkOptions) {
    this.options = options;
    this.commaId = options.tokenizer.encode(',')[0];
    this.commaBacktrack = options.commaBacktrack ?? DEFAULT_COMMA_BACKTRACK;
  }

  /** Makes room for a token; a comma is noted before it is placed, and never moves others itself. */
  prepareFor(id: number): void {
    const { length } = this.ids;
    if (id === this.commaId) this.lastComma = length;
    else if (length === CHUNK_LENGTH && this.lastComma !== -1 && length - this.lastComma <= this.commaBacktrack)
      this.closeAfterComma();
    if (this.ids.length === CHUNK_LENGTH) this.close();
  }

  addToken(id: number, weight: number): void {
    this.ids.push(id);
    this.multipliers.push(weight);
  }

  addEmbedding({ name, vectors }: EmbeddingMatch, weight: number): void {
    if (vectors > CHUNK_LENGTH)
      throw new UserError(
        'prompt.embedding-too-long',
        `Embedding ${name} has ${vectors} vectors; a prompt takes at most ${CHUNK_LENGTH} in one embedding. Remove it from the prompt.`,
      );
    if (this.ids.length + vectors > CHUNK_LENGTH) this.close();
    this.insertions.push({ name, position: this.ids.length + 1, vectors });
    for (let i = 0; i < vectors; i++) this.addToken(0, weight);
  }

  close(): void {
    this.chunks.push(windowOf(this.ids, this.multipliers, this.insertions, this.options));
    this.ids = [];
    this.multipliers = [];
    this.insertions = [];
    this.lastComma = -1;
  }

  finish(): ChunkedPrompt {
    const tokenCount = this.chunks.length * CHUNK_LENGTH + this.ids.length;
    if (this.ids.length > 0 || this.chunks.length === 0) this.close();
    return { chunks: this.chunks, tokenCount };
  }

  private closeAfterComma(): void {
    const start = this.lastComma + 1;
    const ids = this.ids.splice(start);
    const multipliers = this.multipliers.splice(start);
    const moved = this.insertions.filter(({ position }) => position > start);
    this.insertions = this.insertions.filter(({ position }) => position <= start);
    this.close();
    this.ids = ids;
    this.multipliers = multipliers;
    this.insertions = moved.map((insertion) => ({ ...insertion, position: insertion.position - start }));
  }
}

function windowOf(
  ids: readonly number[],
  multipliers: readonly number[],
  insertions: readonly EmbeddingInsertion[],
  { tokenizer, padId }: Pick<ChunkOptions, 'tokenizer' | 'padId'>,
): PromptChunk {
  const weights = [1, ...multipliers];
  while (weights.length < WINDOW_LENGTH) weights.push(1);
  return { ids: padWindow(ids, tokenizer, padId, WINDOW_LENGTH), multipliers: weights, insertions };
}
