/**
 * Attention syntax: `(x)`, `[x]`, `(x:1.3)`, escapes and BREAK, to weighted segments.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/prompt_parser.py, parse_prompt_attention (behaviour, including that a
 * BREAK inside brackets has its weight multiplied and then separates no longer). Left out: the error that web UI
 * raises on a malformed number such as `(a:1..2)`; here it is literal text.
 */

import { SPACE, standaloneWord, trimSpaceEnd, trimSpaceStart } from './characters.ts';

export interface AttentionSegment {
  readonly text: string;
  readonly weight: number;
}

/** A bracket within so many others is text: no weight there means anything, and each costs its depth. */
const MAX_DEPTH = 200;

const ROUND_FACTOR = 1.1;
const SQUARE_FACTOR = 1 / 1.1;

const BREAK_WORD = 'BREAK';
const BREAK_WEIGHT = -1;

const NUMBER = '[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)';
/** Alternatives: escape, number that closes a round bracket (captured), bracket or colon, plain text. */
const SYMBOL = new RegExp(
  `\\\\[()[\\]\\\\]|\\\\|:[${SPACE}]*(${NUMBER})[${SPACE}]*\\)|[()[\\]:]|[^\\\\()[\\]:]+`,
  'gu',
);
const BREAK = new RegExp(standaloneWord(BREAK_WORD), 'u');

/** Whether the segment separates chunks; its text stands for itself if brackets changed its weight. */
export function isBreak(segment: AttentionSegment): boolean {
  return segment.text === BREAK_WORD && segment.weight === BREAK_WEIGHT;
}

/** Segments in order, neighbours of equal weight merged; at least one. */
export function parseAttention(text: string): AttentionSegment[] {
  const segments: OpenSegment[] = [];
  const round: number[] = [];
  const square: number[] = [];
  const multiplyFrom = (start: number, factor: number): void => {
    for (let i = start; i < segments.length; i++) segments[i]!.weight *= factor;
  };

  // Where the present run of text began: what no bracket parts is one segment, whose weight is multiplied once.
  let run = 0;
  for (const [symbol, number] of text.matchAll(SYMBOL)) {
    const deep = round.length + square.length >= MAX_DEPTH;
    if (symbol.startsWith('\\')) pushText(segments, run, symbol.slice(1));
    else if (symbol === '(' && !deep) round.push(segments.length);
    else if (symbol === '[' && !deep) square.push(segments.length);
    else if (number !== undefined && round.length > 0) multiplyFrom(round.pop()!, Number(number));
    else if (symbol === ')' && round.length > 0) multiplyFrom(round.pop()!, ROUND_FACTOR);
    else if (symbol === ']' && square.length > 0) multiplyFrom(square.pop()!, SQUARE_FACTOR);
    else {
      pushWithBreaks(segments, run, symbol);
      continue;
    }
    if (!symbol.startsWith('\\')) run = segments.length;
  }
  for (const start of round) multiplyFrom(start, ROUND_FACTOR);
  for (const start of square) multiplyFrom(start, SQUARE_FACTOR);
  return segments.length === 0 ? [{ text: '', weight: 1 }] : mergeEqualWeights(segments);
}

interface OpenSegment {
  text: string;
  weight: number;
}

/** Adds to the last segment if it is text of the run that began at `run`. */
function pushText(segments: OpenSegment[], run: number, text: string): void {
  const last = segments.at(-1);
  if (last !== undefined && segments.length > run && !isBreak(last)) last.text += text;
  else segments.push({ text, weight: 1 });
}

function pushWithBreaks(segments: OpenSegment[], run: number, text: string): void {
  const parts = text.split(BREAK);
  parts.forEach((part, i) => {
    if (i > 0) segments.push({ text: BREAK_WORD, weight: BREAK_WEIGHT });
    const afterBreak = i > 0 ? trimSpaceStart(part) : part;
    pushText(segments, run, i < parts.length - 1 ? trimSpaceEnd(afterBreak) : afterBreak);
  });
}

function mergeEqualWeights(segments: readonly AttentionSegment[]): AttentionSegment[] {
  const merged: OpenSegment[] = [];
  for (const segment of segments) {
    const last = merged.at(-1);
    if (last !== undefined && last.weight === segment.weight) last.text += segment.text;
    else merged.push({ ...segment });
  }
  return merged;
}
