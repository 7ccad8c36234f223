/**
 * Wildcards and choices of a request's prompts, drawn. Word lists are files of any size that name each other: a small
 * draw is done where it is asked for, a large one in a reader's process (`reader/tasks.ts`).
 */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { UserError } from '#core/errors';
import { longestPrompt } from '#pipelines/settings/prompts';
import { expandWildcards, WILDCARD_LIMITS, type WildcardLimits } from '#prompt/wildcards';
import { PromptFiles, type PromptPlaces, readWordList } from './prompt-files.ts';

export interface DrawOrder extends PromptPlaces {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
}

export interface Drawn {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** What was not found, one sentence each. */
  readonly warnings: readonly string[];
}

interface DrawLimits extends WildcardLimits {
  /** Of the word lists that are read, in all. */
  readonly bytes: number;
  /** Whether there is a place with more room. */
  readonly passesOn: boolean;
}

const mostLists: DrawLimits = { ...WILDCARD_LIMITS, bytes: 64 * 2 ** 20, passesOn: false };
/** What takes a few milliseconds. */
export const fewLists: DrawLimits = { expansions: 1000, letters: 2 ** 15, bytes: 2 ** 17, passesOn: true };

/** A draw that is to be done elsewhere. */
export class TooMuchHere extends Error {}

/** More are counted. */
const mostTold = 20;

/** @throws UserError `prompt.wildcard-*`, `prompt.too-long`; TooMuchHere beyond limits that pass it on */
export async function drawPrompts(order: DrawOrder, limits = mostLists): Promise<Drawn> {
  const { prompt, negativePrompt } = order;
  const both = `${prompt}\n${negativePrompt}`;
  if (!both.includes('__') && !both.includes('{')) return { prompt, negativePrompt, warnings: [] };
  if (limits.passesOn && both.length > limits.letters) throw new TooMuchHere();
  const lists = both.includes('__') ? await new PromptFiles(order).wordLists() : new Map<string, string>();
  const source = { list: wordLists(lists, limits), random: randomOf(order.seed) };
  const drawn = (template: string) => checkedLength(expandWildcards(template, source, limits));
  try {
    return { prompt: drawn(prompt), negativePrompt: drawn(negativePrompt), warnings: missing(both, lists) };
  } catch (error) {
    if (limits.passesOn && error instanceof UserError) throw new TooMuchHere();
    throw error;
  }
}

/** Lines of a list by its name; each file is read once. */
function wordLists(files: ReadonlyMap<string, string>, { bytes, passesOn }: DrawLimits) {
  const known = new Map<string, readonly string[]>();
  let left = bytes;
  const read = (file: string): readonly string[] => {
    left -= sizeOf(file);
    if (left >= 0) return readWordList(file);
    if (passesOn) throw new TooMuchHere();
    throw new UserError('prompt.wildcard-length', `The word lists of one prompt have more than ${bytes} bytes.`);
  };
  return (name: string) => {
    const file = files.get(name);
    if (file === undefined) return undefined;
    const lines = known.get(file) ?? read(file);
    known.set(file, lines);
    return lines;
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function checkedLength(prompt: string): string {
  if (prompt.length <= longestPrompt) return prompt;
  const what = `A prompt has ${prompt.length} characters once its wildcards are drawn`;
  throw new UserError('prompt.too-long', `${what}; at most ${longestPrompt} are taken.`);
}

const listName = /__([^_].*?)__/g;

function missing(text: string, lists: ReadonlyMap<string, string>): string[] {
  const names = new Set([...text.matchAll(listName)].map(([, name]) => name!).filter((name) => !lists.has(name)));
  const told = [...names]
    .slice(0, mostTold)
    .map((name) => `There is no word list ${name}; __${name}__ was left as it is.`);
  if (names.size > mostTold) told.push(`Nor are there ${names.size - mostTold} others that the prompts name.`);
  return told;
}

/** Uniform in [0, 1), the same for the same seed. */
function randomOf(seed: number): () => number {
  let draws = 0;
  return () => createHash('sha256').update(`${seed}:${draws++}`).digest().readUInt32BE(0) / 2 ** 32;
}
