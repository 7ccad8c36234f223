/**
 * Captions as the networks take them: ids where the text encoders learn, otherwise what the encoders said to them,
 * which is kept. Words for which there are vectors become places for these.
 */

import { f32, type HostTensor, i64 } from '#core/tensor';
import type { Backend, Feeds, Session, WeightSource } from '#engine/backend';
import type { TextEncoderPart } from '#models/family';
import type { PictureSize } from '../buckets.ts';
import type { TrainedModel, TrainedNetworks } from '../networks/trained-networks.ts';
import { idsInput, restOf, windowInput } from './denoising.ts';

/** A caption with the size of its picture. */
export interface Said {
  readonly text: string;
  readonly size: PictureSize;
}

export interface TextInputsOptions {
  readonly backend: Backend;
  readonly model: TrainedModel & { readonly weights: WeightSource };
  readonly networks: TrainedNetworks;
  /** Whether texts go through the networks in each step. */
  readonly isInside: boolean;
  readonly windows: number;
  readonly clipSkip: number;
  readonly threads?: number | undefined;
  /** A word that stands for so many vectors. */
  readonly word?: { readonly text: string; readonly vectors: number } | undefined;
}

interface Encoded {
  readonly context: Float32Array;
  readonly pooled: Readonly<Record<string, Float32Array>>;
}

/** One token, or the vector of this index in its place. */
type Token = { readonly id: number } | { readonly vector: number };

const keptTexts = 4096;

export class TextInputs {
  readonly #options: TextInputsOptions;
  readonly #sessions = new Map<TextEncoderPart, Session>();
  readonly #kept = new Map<string, Encoded>();
  /** Captions that are longer than what is read. */
  readonly cut = new Set<string>();

  constructor(options: TextInputsOptions) {
    this.#options = options;
  }

  async feeds(said: readonly Said[]): Promise<Feeds> {
    return this.#options.isInside ? this.#ids(said) : await this.#contexts(said);
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await session.dispose();
  }

  #ids(said: readonly Said[]): Feeds {
    const { model, networks, windows } = this.#options;
    const feeds: Record<string, HostTensor> = {};
    for (const [index, part] of model.parts.textEncoders.entries()) {
      const rows = said.map(({ text }) => this.#windowsOf(part, text));
      const shape = [said.length, part.positions];
      for (let window = 0; window < windows; window++) {
        const tokens = rows.flatMap((row) => row[window]!);
        const { endId } = part.tokenizer();
        feeds[idsInput(index, window)] = i64(
          shape,
          tokens.map((token) => ('id' in token ? token.id : endId - 1)),
        );
        const placed = networks.placed?.[index];
        if (!placed) continue;
        const vectors = tokens.map((token) => ('vector' in token ? token.vector : 0));
        const here = tokens.map((token) => ('vector' in token ? 1 : 0));
        feeds[windowInput(placed.indices, window)] = i64(shape, vectors);
        feeds[windowInput(placed.here, window)] = f32([...shape, 1], here);
      }
    }
    return { ...feeds, ...this.#further(said, true) };
  }

  async #contexts(said: readonly Said[]): Promise<Feeds> {
    const encoded: Encoded[] = [];
    for (const { text } of said) encoded.push(await this.#encoded(text));
    const { contextWidth } = this.#options.model.parts.denoiser;
    const tokens = encoded[0]!.context.length / contextWidth;
    const context = f32([said.length, tokens, contextWidth], joined(encoded.map((each) => each.context)));
    return { context, ...this.#further(said, false, encoded) };
  }

  /** What the denoiser wants to know beside the context; `rest`: without the pooled text, which the graph makes. */
  #further(said: readonly Said[], rest: boolean, encoded?: readonly Encoded[]): Feeds {
    const { denoiser, textEncoders } = this.#options.model.parts;
    if (!denoiser.feeds) return {};
    const rows = said.map(({ size }, i) => {
      const nothing = textEncoders.map(({ component, pooledWidth = 0 }) => [component, new Float32Array(pooledWidth)]);
      const pooled = encoded?.[i]?.pooled ?? (Object.fromEntries(nothing) as Record<string, Float32Array>);
      return denoiser.feeds!({ pooled, size, negative: false });
    });
    const skipped = rest ? (textEncoders.findLast((part) => part.pooledWidth !== undefined)?.pooledWidth ?? 0) : 0;
    return Object.fromEntries(
      Object.keys(rows[0]!).map((name) => {
        const vectors = rows.map((row) => row[name]!.subarray(skipped));
        return [rest ? restOf(name) : name, f32([said.length, vectors[0]!.length], joined(vectors))];
      }),
    );
  }

  async #encoded(text: string): Promise<Encoded> {
    const known = this.#kept.get(text);
    if (known) return known;
    const { textEncoders } = this.#options.model.parts;
    const pooled: Record<string, Float32Array> = {};
    const contexts: { values: Float32Array; width: number }[] = [];
    for (const part of textEncoders) {
      const session = await this.#session(part);
      const windows = this.#windowsOf(part, text);
      const ids = windows.flat().map((token) => ('id' in token ? token.id : 0));
      const result = await session.run({ ids: i64([windows.length, part.positions], ids) });
      contexts.push({ values: result.context!.data as Float32Array, width: part.width });
      if (part.pooledWidth !== undefined) {
        pooled[part.component] = (result.pooled!.data as Float32Array).slice(0, part.pooledWidth);
      }
    }
    const encoded = { context: sideBySide(contexts), pooled };
    if (this.#kept.size >= keptTexts) this.#kept.clear();
    this.#kept.set(text, encoded);
    return encoded;
  }

  async #session(part: TextEncoderPart): Promise<Session> {
    const { backend, model, clipSkip, threads } = this.#options;
    const known = this.#sessions.get(part);
    if (known) return known;
    const session = await backend.compile(part.graph({ clipSkip }), { weights: model.weights, threads });
    this.#sessions.set(part, session);
    return session;
  }

  /** Whole windows, each with start and end. */
  #windowsOf(part: TextEncoderPart, text: string): Token[][] {
    const { windows } = this.#options;
    const tokenizer = part.tokenizer();
    const tokens = this.#tokensOf(part, text);
    const room = part.positions - 2;
    if (tokens.length > room * windows) this.cut.add(text);
    return Array.from({ length: windows }, (_, window): Token[] => {
      const own = tokens.slice(window * room, (window + 1) * room);
      const filling = Array.from({ length: room - own.length }, () => ({ id: part.padId }));
      return [{ id: tokenizer.startId }, ...own, { id: tokenizer.endId }, ...filling];
    });
  }

  #tokensOf(part: TextEncoderPart, text: string): Token[] {
    const { word } = this.#options;
    const plain = (each: string): Token[] =>
      part
        .tokenizer()
        .encode(each)
        .map((id) => ({ id }));
    if (!word) return plain(text);
    const vectors = Array.from({ length: word.vectors }, (_, vector) => ({ vector }));
    return text.split(word.text).flatMap((between, i) => [...(i > 0 ? vectors : []), ...plain(between)]);
  }
}

/** One behind the other. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Rows of several encoders, one behind the other. */
function sideBySide(contexts: readonly { values: Float32Array; width: number }[]): Float32Array {
  if (contexts.length === 1) return contexts[0]!.values;
  const rows = contexts[0]!.values.length / contexts[0]!.width;
  const parts: Float32Array[] = [];
  for (let row = 0; row < rows; row++) {
    for (const { values, width } of contexts) parts.push(values.subarray(row * width, (row + 1) * width));
  }
  return joined(parts);
}
