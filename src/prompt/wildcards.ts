/**
 * Wildcards and dynamic choices: one random prompt from a template.
 *
 * - `__name__`: a line of the word list `name`; an unknown name stays as it is.
 * - `{a|b|c}`: one option; `{2::a|b}` makes `a` twice as likely.
 * - `{2$$a|b|c}`: two options joined by `, `; `{1-2$$ and $$a|b|c}`: one or two, joined by ` and `.
 *
 * Lines and options may hold further ones. A backslash keeps the next character out of it all; braces without `|`,
 * such as the `{prompt}` of styles, are text. Syntax as in the Dynamic Prompts extension and SD.Next. Left out:
 * variables, exhaustive combination, patterns of names.
 */

import { UserError } from '#core/errors';
import { SPACE, trimSpace } from './characters.ts';

export interface WildcardSource {
  /** Lines of a word list; undefined if there is none of the name. */
  readonly list: (name: string) => readonly string[] | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Bounds on the work of one template. */
export interface WildcardLimits {
  /** Choices and word lists that are drawn from. */
  readonly expansions: number;
  /** Characters that are looked at: of the template, of each line and option that is drawn, and of those within them. */
  readonly letters: number;
}

/** Generous for prompts of people, and soon over for those of word lists that grow without end. */
export const WILDCARD_LIMITS: WildcardLimits = { expansions: 10_000, letters: 2 ** 20 };

const DEEPEST = 64;
/** Of a choice that several are drawn from; each draw looks at all that are left. */
const MOST_OPTIONS = 1000;

const NAME = '[\\p{L}\\p{N}](?:[\\p{L}\\p{N}\\-./ ]|_(?!_))*';
const SYMBOL = new RegExp(`\\\\[^]|__(${NAME})__|[{}|]`, 'gu');
const WEIGHT = new RegExp(`^[${SPACE}]*(\\d+(?:\\.\\d+)?)::`, 'u');
const COUNT = new RegExp(`^[${SPACE}]*(\\d+)(?:-(\\d+))?[${SPACE}]*\\$\\$(?:([^$]*)\\$\\$)?`, 'u');
const DEFAULT_JOINER = ', ';

/**
 * Draws for what is shown only, from left to right, so equal random numbers give equal prompts.
 * @throws UserError `prompt.wildcard-loop`, `prompt.wildcard-length`, `prompt.wildcard-options` beyond the bounds
 */
export function expandWildcards(template: string, source: WildcardSource, limits = WILDCARD_LIMITS): string {
  return new Expander(source, limits).expand(template, 0);
}

/** Lines of a word list file; empty lines and those that start with `#` are left out. */
export function parseWordList(text: string): string[] {
  return text
    .split('\n')
    .map(trimSpace)
    .filter((line) => line !== '' && !line.startsWith('#'));
}

class Expander {
  private readonly source: WildcardSource;
  private readonly limits: WildcardLimits;
  private expansions = 0;
  private letters = 0;

  constructor(source: WildcardSource, limits: WildcardLimits) {
    this.source = source;
    this.limits = limits;
  }

  expand(text: string, depth: number): string {
    this.countLetters(text.length);
    const choices = findChoices(text);
    const parts: string[] = [];
    let read = 0;
    for (const { 0: symbol, 1: name, index } of text.matchAll(SYMBOL)) {
      if (index < read) continue;
      const choice = choices.get(index);
      const lines = name === undefined ? undefined : this.source.list(name);
      if (choice === undefined && lines === undefined) continue;
      this.countExpansion(depth, symbol);
      parts.push(text.slice(read, index));
      parts.push(choice === undefined ? this.drawLine(lines!, depth) : this.drawOptions(text, choice, depth));
      read = choice === undefined ? index + symbol.length : choice.end + 1;
    }
    return parts.join('') + text.slice(read);
  }

  private drawLine(lines: readonly string[], depth: number): string {
    if (lines.length === 0) return '';
    return this.expand(lines[this.drawIndex(lines.length)]!, depth + 1);
  }

  private drawOptions(text: string, choice: Choice, depth: number): string {
    const { options, least, most, joiner } = readOptions(text, choice);
    const wanted = least + this.drawIndex(most - least + 1, most > least);
    if (wanted > 1 && options.length > MOST_OPTIONS) throw tooManyOptions(options.length);
    const left = [...options];
    const drawn: string[] = [];
    while (drawn.length < wanted && left.length > 0) {
      const [option] = left.splice(this.drawWeighted(left), 1);
      drawn.push(this.expand(option!.text, depth + 1));
    }
    return drawn.join(joiner);
  }

  /** Without a choice to make, draws nothing. */
  private drawIndex(count: number, draws = true): number {
    return draws ? Math.min(count - 1, Math.floor(this.source.random() * count)) : 0;
  }

  /** If all weights are 0, they count as equal. */
  private drawWeighted(options: readonly Option[]): number {
    const total = options.reduce((sum, { weight }) => sum + weight, 0);
    if (total === 0) return this.drawIndex(options.length);
    let left = this.source.random() * total;
    const drawn = options.findIndex(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return drawn < 0 ? options.findLastIndex(({ weight }) => weight > 0) : drawn;
  }

  private countExpansion(depth: number, symbol: string): void {
    this.expansions += 1;
    const most = this.limits.expansions;
    if (depth < DEEPEST && this.expansions <= most) return;
    const place = symbol === '{' ? 'a choice in braces' : symbol;
    throw new UserError(
      'prompt.wildcard-loop',
      `Wildcards never end at ${place}: at most ${DEEPEST} may be inside each other and ${most} in one prompt. Check that no word list names itself.`,
    );
  }

  private countLetters(count: number): void {
    this.letters += count;
    if (this.letters <= this.limits.letters) return;
    throw new UserError(
      'prompt.wildcard-length',
      `What wildcards draw has more than ${this.limits.letters} characters; shorten the lines of the word lists, or name fewer.`,
    );
  }
}

function tooManyOptions(count: number): UserError {
  return new UserError(
    'prompt.wildcard-options',
    `A choice of several has ${count} options; at most ${MOST_OPTIONS} are taken. Put them into a word list.`,
  );
}

/** Positions in a text of `{`, its `}` and the `|` between. */
interface Choice {
  readonly start: number;
  readonly bars: readonly number[];
  readonly end: number;
}

/** Choices by the position of their `{`. */
function findChoices(text: string): Map<number, Choice> {
  const open: { start: number; bars: number[] }[] = [];
  const choices = new Map<number, Choice>();
  for (const { 0: symbol, index } of text.matchAll(SYMBOL)) {
    if (symbol === '{') open.push({ start: index, bars: [] });
    else if (symbol === '|') open.at(-1)?.bars.push(index);
    else if (symbol === '}') {
      const closed = open.pop();
      if (closed !== undefined && closed.bars.length > 0) choices.set(closed.start, { ...closed, end: index });
    }
  }
  return choices;
}

interface Option {
  readonly text: string;
  readonly weight: number;
}

interface Options {
  readonly options: readonly Option[];
  readonly least: number;
  readonly most: number;
  readonly joiner: string;
}

function readOptions(text: string, { start, bars, end }: Choice): Options {
  const edges = [start, ...bars, end];
  const texts = edges.slice(1).map((edge, i) => text.slice(edges[i]! + 1, edge));
  const count = COUNT.exec(texts[0]!);
  if (count !== null) texts[0] = texts[0]!.slice(count[0].length);
  const bound = (number: string | undefined, missing: number): number =>
    Math.min(texts.length, number === undefined ? missing : Number(number));
  const first = bound(count?.[1], 1);
  const second = bound(count?.[2], first);
  return {
    options: texts.map(readWeight),
    least: Math.min(first, second),
    most: Math.max(first, second),
    joiner: count?.[3] ?? DEFAULT_JOINER,
  };
}

function readWeight(text: string): Option {
  const match = WEIGHT.exec(text);
  return match === null ? { text, weight: 1 } : { text: text.slice(match[0].length), weight: Number(match[1]) };
}
