/**
 * Prompts as they are drawn: styles applied, then wildcards and choices drawn. The draw follows from the seed, so that
 * the same request gives the same prompts; all pictures of a request share them.
 */

import { createHash } from 'node:crypto';
import { applyStyles } from '#prompt/styles';
import { expandWildcards } from '#prompt/wildcards';
import { type PromptFiles, readWordList } from './prompt-files.ts';

interface Prompts {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly styles: readonly string[];
  readonly seed: number;
}

/** The request with its final prompts, no styles left, and what was not found, one sentence each. */
export async function preparePrompts<R extends Prompts>(
  request: R,
  files: Pick<PromptFiles, 'styles' | 'wordLists'>,
): Promise<{ request: R; warnings: string[] }> {
  const warnings: string[] = [];
  const styled = await applyNamed(request, files, warnings);
  const draw = await drawer(styled, files, warnings);
  const { prompt, negativePrompt } = styled;
  return { request: { ...styled, prompt: draw(prompt), negativePrompt: draw(negativePrompt) }, warnings };
}

async function applyNamed<R extends Prompts>(
  request: R,
  files: Pick<PromptFiles, 'styles'>,
  warnings: string[],
): Promise<R> {
  // Pages send `None` for no style.
  const wanted = request.styles.filter((name) => name !== '' && name !== 'None');
  if (wanted.length === 0) return { ...request, styles: [] };
  const known = new Map((await files.styles()).map((style) => [style.name, style]));
  const found = wanted.flatMap((name) => known.get(name) ?? []);
  for (const name of wanted) if (!known.has(name)) warnings.push(`There is no style ${name}; it was left out.`);
  const prompt = applyStyles(
    request.prompt,
    found.map((style) => style.prompt),
  );
  const negativePrompt = applyStyles(
    request.negativePrompt,
    found.map((style) => style.negativePrompt),
  );
  return { ...request, prompt, negativePrompt, styles: [] };
}

const listName = /__([^_].*?)__/g;

async function drawer(
  { prompt, negativePrompt, seed }: Prompts,
  files: Pick<PromptFiles, 'wordLists'>,
  warnings: string[],
): Promise<(template: string) => string> {
  const both = `${prompt}\n${negativePrompt}`;
  if (!both.includes('__') && !both.includes('{')) return (template) => template;
  const lists = both.includes('__') ? await files.wordLists() : new Map<string, string>();
  for (const [, name] of both.matchAll(listName)) {
    if (!lists.has(name!)) warnings.push(`There is no word list ${name}; __${name}__ was left as it is.`);
  }
  const random = randomOf(seed);
  const list = (name: string) => {
    const file = lists.get(name);
    return file === undefined ? undefined : readWordList(file);
  };
  return (template) => expandWildcards(template, { list, random });
}

/** Uniform in [0, 1), the same for the same seed. */
function randomOf(seed: number): () => number {
  let draws = 0;
  return () => createHash('sha256').update(`${seed}:${draws++}`).digest().readUInt32BE(0) / 2 ** 32;
}
