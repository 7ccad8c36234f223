/**
 * Prompts as they are drawn: styles applied, then wildcards and choices drawn. The draw follows from the seed, so that
 * the same request gives the same prompts; all pictures of a request share them.
 */

import { UserError } from '#core/errors';
import { longestPrompt } from '#pipelines/settings/prompts';
import { applyStyles } from '#prompt/styles';
import { type Drawn, type DrawOrder, drawPrompts, fewLists, TooMuchHere } from './draw.ts';
import type { PromptFiles } from './prompt-files.ts';

interface Prompts {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly styles: readonly string[];
  readonly seed: number;
}

/**
 * The request with its final prompts, no styles left, and what was not found, one sentence each.
 *
 * @param elsewhere draws what is long work in another process, as a server must; without it all is drawn here
 * @throws UserError `prompt.too-long`, `prompt.wildcard-*`
 */
export async function preparePrompts<R extends Prompts>(
  request: R,
  files: Pick<PromptFiles, 'styles' | 'problems' | 'places'>,
  elsewhere?: (order: DrawOrder) => Promise<Drawn>,
): Promise<{ request: R; warnings: string[] }> {
  const warnings: string[] = [];
  const styled = await applyNamed(request, files, warnings);
  const { prompt, negativePrompt, seed } = styled;
  const order = { ...files.places, prompt, negativePrompt, seed };
  const drawn = elsewhere ? await drawNear(order, elsewhere) : await drawPrompts(order);
  const texts = { prompt: drawn.prompt, negativePrompt: drawn.negativePrompt };
  return { request: { ...styled, ...texts }, warnings: [...warnings, ...drawn.warnings] };
}

/** Here where that is soon done. The draw follows from the seed: the other process draws the same. */
async function drawNear(order: DrawOrder, elsewhere: (order: DrawOrder) => Promise<Drawn>): Promise<Drawn> {
  try {
    return await drawPrompts(order, fewLists);
  } catch (error) {
    if (error instanceof TooMuchHere) return await elsewhere(order);
    throw error;
  }
}

async function applyNamed<R extends Prompts>(
  request: R,
  files: Pick<PromptFiles, 'styles' | 'problems'>,
  warnings: string[],
): Promise<R> {
  // Pages send `None` for no style.
  const wanted = request.styles.filter((name) => name !== '' && name !== 'None');
  if (wanted.length === 0) return { ...request, styles: [] };
  const known = new Map((await files.styles()).map((style) => [style.name, style]));
  const found = wanted.flatMap((name) => known.get(name) ?? []);
  for (const name of wanted) if (!known.has(name)) warnings.push(`There is no style ${name}; it was left out.`);
  if (found.length < wanted.length) warnings.push(...files.problems);
  let { prompt, negativePrompt } = request;
  for (const style of found) {
    prompt = checkedLength(applyStyles(prompt, [style.prompt]), style.name);
    negativePrompt = checkedLength(applyStyles(negativePrompt, [style.negativePrompt]), style.name);
  }
  return { ...request, prompt, negativePrompt, styles: [] };
}

/** A style may hold the prompt several times, and the next one all of that: a few of them are longer than any memory. */
function checkedLength(prompt: string, style: string): string {
  if (prompt.length <= longestPrompt) return prompt;
  const what = `With the style ${style} a prompt has ${prompt.length} characters`;
  throw new UserError('prompt.too-long', `${what}; at most ${longestPrompt} are taken. Leave styles out.`);
}
