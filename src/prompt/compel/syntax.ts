/**
 * Compel's prompt language: `word+`, `word--`, `(words)1.3`, `"words"++`, `.attend()`, and over a whole prompt
 * `("a", "b").blend(1, 0.5)` and `("a", "b").and()`.
 *
 * Source: damian0815/compel 2.x, prompt_parser.py (behaviour: what its grammar takes, and that words which fit nowhere
 * stand for themselves). What it can say and nobody here acts on is told: `.swap()` keeps the words that were there, as
 * compel's own embeddings do, `withLora()` is left out. Text after `.blend()` or `.and()` is refused; compel fails at
 * the first and drops it after the second.
 */

import { UserError } from '#core/errors';
import type { AttentionSegment } from '../attention.ts';

/** One text of a blend, or the only one. */
export interface CompelText {
  /** Those of a blend add up to 1 unless it asks for `no_normalize`. */
  readonly share: number;
  /** At least one; neighbours differ in weight. */
  readonly segments: readonly AttentionSegment[];
}

/** What is encoded by itself: parts are joined along the tokens. */
export interface CompelPart {
  /** How far it is moved away from the empty prompt; 1 leaves it. */
  readonly weight: number;
  readonly texts: readonly CompelText[];
}

export interface CompelPrompt {
  readonly parts: readonly CompelPart[];
  /** What was asked for and does not act, one sentence each. */
  readonly notes: readonly string[];
}

const PLUS_BASE = 1.1;
const MINUS_BASE = 0.9;
/** Brackets within so many others stand for themselves: each attempt to read one costs what is in it. */
const MAX_DEPTH = 100;

const NUMBER = '[+-]?(?:\\d+\\.\\d*|\\.\\d+)|-?\\d+';
const SIGNS = '()",.+\\-=';
const blank = /[ \t\n\r]*/y;
const freeWord = /[^ \t\n\r\v\f]+/y;
/** Signs only after a backslash; + and - also where a word goes on behind them. */
const plainWord = new RegExp(`(?:\\\\[${SIGNS}]|[-+](?![ \\t\\n\\r${SIGNS}]|$)|[^ \\t\\n\\r\\v\\f${SIGNS}])+`, 'y');
const quotedText = /"((?:\\"|[^"\n\r])*)"/y;
const separator = /[,.]/y;
const attendCall = new RegExp(`\\s*\\.attend\\s*\\(\\s*(\\++|-+|${NUMBER})\\s*\\)`, 'y');
const groupWeight = new RegExp(`\\++|-+|${NUMBER}`, 'y');
const wordWeight = /\++|-+/y;
const swapCall = /\s*\.swap\s*\(/y;
const swapEnd = /\s*(?:,[^()]*)?\)/y;
const loraCall = new RegExp(`(?:use|with)Lora\\s*\\(\\s*([\\w-]+)\\s*(?:,\\s*(${NUMBER})\\s*)?\\)`, 'y');
const joinCall = /\s*\)\s*\.(blend|and|add)\s*\(([^()]*)\)/y;
const joinOption = new RegExp(`^(?:(${NUMBER})|([\\w-]+)(?:\\s*=\\s*(?:${NUMBER}|[\\w-]+))?)$`);
const otherWeight = new RegExp(`\\([^()]*:\\s*(?:${NUMBER})\\s*\\)`);

export function parseCompel(prompt: string): CompelPrompt {
  const reader = new CompelReader(prompt.replace(/,(\S)/gu, ', $1'));
  const parts = reader.joined() ?? [{ weight: 1, texts: [{ share: 1, segments: fused(reader.prompt()) }] }];
  if (otherWeight.test(prompt)) reader.notes.add('(words:1.2) has no weight in compel’s syntax; write (words)1.2.');
  return { parts, notes: [...reader.notes] };
}

/** What was read: segments not yet fused. */
type Read = AttentionSegment[];

class CompelReader {
  readonly notes = new Set<string>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** A whole prompt: what reads as no element is a word up to the next space. */
  prompt(): Read {
    const read: Read = [];
    for (;;) {
      this.#take(blank);
      const element = this.#lora() ?? this.#group(0) ?? this.#weighedWord();
      const word = element ? undefined : this.#take(freeWord);
      if (!element && !word) return read;
      if (word) this.#noteBrackets(word[0]);
      read.push(...(element ?? [textSegment(word![0])]));
    }
  }

  /** Several prompts in brackets with `.blend()` or `.and()` behind them; undefined where that is not what there is. */
  joined(): CompelPart[] | undefined {
    this.#loras();
    const start = this.#at;
    const elements = this.#elements();
    const call = elements && this.#take(joinCall);
    const options = call && readOptions(call[2]!);
    if (!options) {
      this.#at = start;
      return undefined;
    }
    this.#loras();
    const rest = this.#text.slice(this.#at).trim();
    if (rest !== '') throw refused(`.${call[1]}() joins whole prompts, but ${JSON.stringify(rest)} follows it`);
    return call[1] === 'blend' ? [blendOf(elements, options)] : partsOf(elements, options);
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text) ?? undefined;
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  #loras(): void {
    do this.#take(blank);
    while (this.#lora());
  }

  #lora(): Read | undefined {
    const call = this.#take(loraCall);
    if (!call) return undefined;
    const [text, name, weight = '1'] = call;
    this.notes.add(`${text} is left out; write <lora:${name}:${weight}>.`);
    return [];
  }

  #elements(): Read[] | undefined {
    if (this.#text[this.#at] !== '(') return undefined;
    const elements: Read[] = [];
    do {
      this.#at++;
      this.#take(blank);
      const element = this.#quoted() ?? this.#brackets(1) ?? this.#word() ?? this.#quotedPrompt();
      if (!element) return undefined;
      elements.push(element);
      this.#take(blank);
    } while (this.#text[this.#at] === ',');
    return elements;
  }

  /** Brackets or quotes and what weighs them. */
  #group(depth: number): Read | undefined {
    const group = this.#quoted() ?? this.#brackets(depth + 1);
    return group && (this.#weighed(group, groupWeight, depth) ?? group);
  }

  /** A word that is weighed; what is not stays for whoever reads on. */
  #weighedWord(): Read | undefined {
    const start = this.#at;
    const word = this.#word();
    const weighed = word && this.#weighed(word, wordWeight, 0);
    if (!weighed) this.#at = start;
    return weighed;
  }

  #weighed(read: Read, direct: RegExp, depth: number): Read | undefined {
    const weight = this.#take(attendCall)?.[1] ?? this.#take(direct)?.[0];
    if (weight !== undefined) {
      const factor = factorOf(weight);
      return read.map((segment) => ({ ...segment, weight: segment.weight * factor }));
    }
    return this.#swapped(read, depth);
  }

  #swapped(read: Read, depth: number): Read | undefined {
    const start = this.#at;
    if (!this.#take(swapCall)) return undefined;
    this.#fragments(depth + 1, false);
    if (this.#take(swapEnd)) {
      this.notes.add('.swap() has no effect: attention is not carried over; the words before it are drawn.');
      return read;
    }
    this.#at = start;
    return undefined;
  }

  #word(): Read | undefined {
    const word = this.#take(plainWord);
    return word && [textSegment(word[0])];
  }

  #brackets(depth: number): Read | undefined {
    const start = this.#at;
    if (depth > MAX_DEPTH || this.#text[start] !== '(') return undefined;
    this.#at++;
    const read = this.#fragments(depth, true);
    if (this.#text[this.#at] === ')') {
      this.#at++;
      return read;
    }
    this.#at = start;
    return undefined;
  }

  /** What may stand in brackets and quotes. Ends before what may not. */
  #fragments(depth: number, separators: boolean): Read {
    const read: Read = [];
    for (;;) {
      this.#take(blank);
      const element = this.#lora() ?? this.#group(depth) ?? this.#weighedWord() ?? this.#word();
      const sign = element || !separators ? undefined : this.#take(separator);
      if (!element && !sign) return read;
      read.push(...(element ?? [textSegment(sign![0])]));
    }
  }

  #quoted(): Read | undefined {
    const start = this.#at;
    const inner = this.#inQuotes();
    if (!inner) return undefined;
    const read = inner.#fragments(1, true);
    if (inner.#at === inner.#text.length) return read.length > 0 ? read : [textSegment('')];
    this.#at = start;
    return undefined;
  }

  #quotedPrompt(): Read | undefined {
    return this.#inQuotes()?.prompt();
  }

  /** A reader of what stands in the quotes that begin here. */
  #inQuotes(): CompelReader | undefined {
    const match = this.#take(quotedText);
    if (!match) return undefined;
    const inner = new CompelReader(match[1]!);
    return Object.assign(inner, { notes: this.notes });
  }

  #noteBrackets(word: string): void {
    if (/(?<!\\)[()]/.test(word))
      this.notes.add(`${JSON.stringify(word)} is read as words: its brackets hold no weight.`);
  }
}

function textSegment(text: string): AttentionSegment {
  return { text: text.replace(/\\([()"])/g, '$1'), weight: 1 };
}

/** Neighbours of one weight are one text; at least one segment. */
function fused(read: Read): AttentionSegment[] {
  const segments: { text: string; weight: number }[] = [];
  for (const { text, weight } of read) {
    const last = segments.at(-1);
    if (last?.weight === weight) last.text += ` ${text}`;
    else segments.push({ text, weight });
  }
  return segments.length > 0 ? segments : [textSegment('')];
}

function factorOf(weight: string): number {
  if (/^\++$/.test(weight)) return PLUS_BASE ** weight.length;
  if (/^-+$/.test(weight)) return MINUS_BASE ** weight.length;
  return Number(weight);
}

interface JoinOptions {
  readonly weights: readonly number[];
  readonly flags: readonly string[];
}

function readOptions(text: string): JoinOptions | undefined {
  if (text.trim() === '') return { weights: [], flags: [] };
  const weights: number[] = [];
  const flags: string[] = [];
  for (const option of text.split(',')) {
    const match = joinOption.exec(option.trim());
    if (!match) return undefined;
    if (match[1] === undefined) flags.push(match[2]!);
    else weights.push(Number(match[1]));
  }
  return { weights, flags };
}

function blendOf(elements: readonly Read[], { weights, flags }: JoinOptions): CompelPart {
  const unknown = flags.find((flag) => flag !== 'no_normalize');
  if (unknown) throw refused(`.blend() takes weights and no_normalize, not ${unknown}`);
  const shares = weightsFor('blend', elements, weights);
  const sum = flags.length > 0 ? 1 : shares.reduce((total, share) => total + share, 0);
  if (sum === 0) throw refused('the weights of .blend() add up to 0; give others, or no_normalize after them');
  return { weight: 1, texts: elements.map((read, i) => ({ share: shares[i]! / sum, segments: fused(read) })) };
}

function partsOf(elements: readonly Read[], { weights, flags: [unknown] }: JoinOptions): CompelPart[] {
  if (unknown) throw refused(`.and() takes weights, not ${unknown}`);
  const each = weightsFor('and', elements, weights);
  return elements.map((read, i) => ({ weight: each[i]!, texts: [{ share: 1, segments: fused(read) }] }));
}

function weightsFor(call: string, elements: readonly Read[], weights: readonly number[]): readonly number[] {
  if (weights.length === 0) return elements.map(() => 1);
  if (weights.length === elements.length) return weights;
  throw refused(`.${call}() has ${weights.length} weights for ${elements.length} prompts`);
}

function refused(reason: string): UserError {
  return new UserError('prompt.compel', `Compel’s syntax: ${reason}.`);
}
