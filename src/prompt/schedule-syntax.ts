/**
 * Reads prompt editing and alternation: text to a tree of what is fixed and what changes with the step.
 *
 * Source: the grammar of AUTOMATIC1111 web UI v1.10.1, modules/prompt_parser.py. A bracket that closes nothing, or
 * whose inside is no valid option, is literal, and so are then all brackets around it. A `|` outside square brackets
 * or a lone backslash at the end leave the text without any reading. One linear pass with a stack of open brackets
 * replaces upstream's general parser; `readStrayRuns` follows its choice between the readings of ambiguous text.
 */

import { SPACE } from './characters.ts';

export type ScheduleItem = PlainText | Stray | Group | Edit | Alternation;

export interface PlainText {
  readonly kind: 'text';
  readonly text: string;
}

/** A bracket or colon of the outermost level that is text. */
export interface Stray {
  readonly kind: 'stray';
  readonly text: string;
}

/** An open bracket's parts between its separators. */
interface Bracketed {
  readonly open: string;
  readonly parts: readonly (readonly ScheduleItem[])[];
  readonly separator: string;
}

/** Attention brackets: text, with what changes inside. */
export interface Group extends Bracketed {
  readonly kind: 'group';
  readonly close: string;
  /** How many bracket characters and colons it ends with, counting through what it holds. */
  readonly tail: number;
  /** Whether it holds nothing but such characters. */
  readonly solid: boolean;
}

/** `[before:after:when]` or `[after:when]`. */
export interface Edit extends Bracketed {
  readonly kind: 'edit';
  /** The number as written: a decimal point makes it a fraction. */
  readonly when: string;
}

/** `[a|b|c]`. */
export interface Alternation extends Bracketed {
  readonly kind: 'alternation';
}

const SYMBOL = /[()[\]:|]|[^\\()[\]:|]+|\\[^\n]/gu;
const WHEN = new RegExp(`^[${SPACE}]*([+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?)[${SPACE}]*$`, 'u');

/** Undefined if the text fits no reading, and so stands for itself. */
export function parseSchedule(text: string): ScheduleItem[] | undefined {
  const reader = new ScheduleReader();
  let read = 0;
  for (const { 0: symbol, index } of text.matchAll(SYMBOL)) {
    if (index !== read) return undefined;
    read += symbol.length;
    reader.read(symbol);
  }
  const items = read === text.length ? reader.finish() : undefined;
  return items && readStrayRuns(items);
}

/** The pieces a bracket is made of if it is only text; its inside keeps its meaning. */
export function unwrap(item: Group | Edit): ScheduleItem[] {
  return unwrapParts(item.open, item.parts, () => item.separator, item.kind === 'group' ? item.close : ']');
}

interface Frame {
  readonly open: string;
  readonly parts: ScheduleItem[][];
  readonly separators: string[];
}

class ScheduleReader {
  private readonly items: ScheduleItem[] = [];
  private readonly frames: Frame[] = [];
  private strayBar = false;

  read(symbol: string): void {
    if (symbol === '(' || symbol === '[') this.frames.push({ open: symbol, parts: [[]], separators: [] });
    else if (symbol === ')' || symbol === ']') this.close(symbol);
    else if (symbol === ':' || symbol === '|') this.separate(symbol);
    else this.append({ kind: 'text', text: symbol });
  }

  finish(): ScheduleItem[] | undefined {
    this.unwrapFrames();
    return this.strayBar ? undefined : this.items;
  }

  private append(item: ScheduleItem): void {
    (this.frames.at(-1)?.parts.at(-1) ?? this.items).push(item);
  }

  private separate(separator: string): void {
    const frame = this.frames.at(-1);
    if (frame === undefined) {
      this.strayBar ||= separator === '|';
      this.items.push({ kind: 'stray', text: separator });
    } else {
      frame.separators.push(separator);
      frame.parts.push([]);
    }
  }

  private close(bracket: string): void {
    const frame = this.frames.at(-1);
    const closed = frame && closeFrame(frame, bracket);
    if (closed === undefined) {
      this.unwrapFrames();
      this.items.push({ kind: 'stray', text: bracket });
    } else {
      this.frames.pop();
      this.append(closed);
    }
  }

  /** Turns all open brackets into text of the outermost level. */
  private unwrapFrames(): void {
    for (const { open, parts, separators } of this.frames) {
      this.strayBar ||= separators.includes('|');
      for (const item of unwrapParts(open, parts, (i) => separators[i]!)) this.items.push(item);
    }
    this.frames.length = 0;
  }
}

function closeFrame({ open, parts, separators }: Frame, close: string): ScheduleItem | undefined {
  if ((open === '[') !== (close === ']')) return undefined;
  const bars = separators.filter((separator) => separator === '|').length;
  const colons = separators.length - bars;
  if (bars === 0 && colons <= (open === '(' ? 1 : 0))
    return { kind: 'group', open, parts, separator: ':', close, ...groupTail(parts) };
  if (open === '(' || (bars > 0 && colons > 0) || colons > 2) return undefined;
  if (bars > 0) return { kind: 'alternation', open, parts, separator: '|' };
  const last = parts.at(-1)!;
  const when = last.every((item) => item.kind === 'text') ? WHEN.exec(last.map(({ text }) => text).join('')) : null;
  return when === null ? undefined : { kind: 'edit', open, parts, separator: ':', when: when[1]! };
}

function unwrapParts(
  open: string,
  parts: readonly (readonly ScheduleItem[])[],
  separatorAfter: (part: number) => string,
  close?: string,
): ScheduleItem[] {
  const stray = (text: string): Stray => ({ kind: 'stray', text });
  const items: ScheduleItem[] = [stray(open)];
  parts.forEach((part, i) => {
    if (i > 0) items.push(stray(separatorAfter(i - 1)));
    for (const item of part) items.push(item);
  });
  if (close !== undefined) items.push(stray(close));
  return items;
}

function groupTail(parts: readonly (readonly ScheduleItem[])[]): { tail: number; solid: boolean } {
  let tail = 1;
  for (let i = parts.length - 1; i >= 0; i--) {
    const inner = trailingRun(parts[i]!);
    tail += inner.tail;
    if (!inner.solid) return { tail, solid: false };
    tail += 1;
  }
  return { tail, solid: true };
}

/** Bracket characters and colons at the end of items, and whether there is nothing else. */
function trailingRun(items: readonly ScheduleItem[]): { tail: number; solid: boolean } {
  let tail = 0;
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i]!;
    if (item.kind === 'text' || item.kind === 'alternation') return { tail, solid: false };
    tail += item.kind === 'group' ? item.tail : 1;
    if (item.kind === 'edit' || (item.kind === 'group' && !item.solid)) return { tail, solid: false };
  }
  return { tail, solid: true };
}

/**
 * Where stray brackets follow an edit, upstream's parser may read the edit as text too: it does if the run of brackets
 * and colons that starts with the edit's closing bracket and ends with a stray one is of odd length above 1. Found by
 * trial against the grammar; an alternation has no other reading.
 */
function readStrayRuns(items: readonly ScheduleItem[]): ScheduleItem[] {
  const pending = [...items];
  const read: ScheduleItem[] = [];
  for (let item = pending.at(-1); item !== undefined; item = pending.at(-1)) {
    if (item.kind === 'stray') {
      const { tail } = trailingRun(pending);
      if (tail > 1 && tail % 2 === 1) unwrapRun(pending, read, tail);
      else keepRun(pending, read);
    } else {
      read.push(item);
      pending.pop();
    }
  }
  return read.reverse();
}

function unwrapRun(pending: ScheduleItem[], read: ScheduleItem[], length: number): void {
  for (let left = length; left > 0; ) {
    const item = pending.pop()!;
    if (item.kind === 'group' || item.kind === 'edit') for (const piece of unwrap(item)) pending.push(piece);
    else {
      read.push(item);
      left--;
    }
  }
}

function keepRun(pending: ScheduleItem[], read: ScheduleItem[]): void {
  for (let item = pending.at(-1); item !== undefined; item = pending.at(-1)) {
    if (item.kind !== 'stray' && !(item.kind === 'group' && item.solid)) return;
    read.push(item);
    pending.pop();
  }
}
