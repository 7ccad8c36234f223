/**
 * What a request asks for and does not get: the one place where that is found, for every face. Each sentence becomes a
 * warning of the job, and the infotext claims none of it.
 */

import { stripComments } from '#prompt/comments';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { tagOf } from './adapters.ts';
import type { GenerationJob } from './job.ts';
import { factsOf } from './parameters-text.ts';
import { idleSettings } from './settings/index.ts';

/** One sentence each. `embeddings`: names of the textual inversions that lie in the library. */
export function unheeded(job: GenerationJob, embeddings: readonly string[] = []): string[] {
  return [...networksOf(job), ...embeddingsOf(job, embeddings), ...clipSkipOf(job), ...idleSettings(factsOf(job, 0))];
}

function networksOf({ request, adapters }: GenerationJob): string[] {
  const sentences = adapters.leftOut.map(({ tag, reason }) => `${tag} is left out: ${reason}`);
  sentences.push(...adapters.warnings);
  // Upstream does not look for them there either.
  const negative = extractExtraNetworks(stripComments(request.negativePrompt)).networks.map(tagOf).join(' ');
  if (negative !== '') sentences.push(`${negative} in the negative prompt is read as words.`);
  return sentences;
}

function embeddingsOf({ request }: GenerationJob, embeddings: readonly string[]): string[] {
  const text = `${request.prompt}\n${request.negativePrompt}`.toLowerCase();
  const named = embeddings.filter((name) => name !== '' && isNamed(text, name.toLowerCase()));
  if (named.length === 0) return [];
  return [`${named.join(', ')}: read as words; embeddings cannot be applied yet.`];
}

/** As a word of its own. */
function isNamed(text: string, name: string): boolean {
  const wordCharacter = /[\p{L}\p{N}]/u;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const [before, after] = [text[at - 1], text[at + name.length]];
    if (!wordCharacter.test(before ?? ' ') && !wordCharacter.test(after ?? ' ')) return true;
  }
  return false;
}

function clipSkipOf({ request, model }: GenerationJob): string[] {
  const { maxClipSkip } = model.parts.limits;
  if (request.clipSkip <= maxClipSkip) return [];
  return [`Clip skip ${request.clipSkip} is more than this model's text encoder has; ${maxClipSkip} was taken.`];
}
