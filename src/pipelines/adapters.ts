/**
 * Adapters that a prompt names: `<lora:name:te:unet>`, as A1111 reads it. One that is not there, or that does not fit
 * the model, is left out and told; generation goes on, as there.
 */

import { UserError } from '#core/errors';
import { type AppliedAdapter, type CombinedAdapters, combineAdapters } from '#models/adapters/combine';
import { stripComments } from '#prompt/comments';
import { type ExtraNetwork, extractExtraNetworks } from '#prompt/extra-networks';
import { type JobEmbeddings, openJobEmbeddings } from './embeddings.ts';
import type { PipelineModel } from './model.ts';
import type { GenerateRequest } from './request.ts';
import { textsOf } from './words.ts';

export interface LeftOut {
  /** As written in the prompt. */
  readonly tag: string;
  /** The rest of the sentence that begins with the tag. */
  readonly reason: string;
}

export interface JobAdapters {
  readonly combined: CombinedAdapters;
  /** Of those that act, by the name in the prompt, where known. */
  readonly hashes: readonly (readonly [name: string, hash: string])[];
  readonly embeddings: JobEmbeddings;
  readonly leftOut: readonly LeftOut[];
  readonly warnings: readonly string[];
}

/** `lyco` is an old name of the same. */
const loraKinds: readonly string[] = ['lora', 'lyco'];

export async function openJobAdapters(request: GenerateRequest, model: PipelineModel): Promise<JobAdapters> {
  const applied: AppliedAdapter[] = [];
  const hashes: [string, string][] = [];
  const leftOut: LeftOut[] = [];
  const warnings: string[] = [];
  for (const network of extractExtraNetworks(stripComments(request.prompt)).networks) {
    try {
      const [name = '', ...rest] = network.args;
      const found = await openNetwork(network, model);
      applied.push({ adapter: found.adapter, strength: strengthsOf(network) });
      if (found.hash !== undefined) hashes.push([name, found.hash]);
      warnings.push(...found.adapter.warnings.map((each) => `${name}: ${each}`), ...ignoredOf(network, rest));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      leftOut.push({ tag: tagOf(network), reason: error.message });
    }
  }
  const embeddings = await openJobEmbeddings(textsOf(request), model, request.emphasis);
  return { combined: combineAdapters(applied), hashes, embeddings, leftOut, warnings };
}

export function tagOf({ kind, args }: ExtraNetwork): string {
  return `<${kind}:${args.join(':')}>`;
}

async function openNetwork({ kind, positional }: ExtraNetwork, model: PipelineModel) {
  if (!loraKinds.includes(kind)) throw new UserError('adapter.kind', `networks of kind ${kind} cannot be applied yet.`);
  const found = await model.openLora?.(positional[0] ?? '');
  if (!found) throw new UserError('adapter.not-found', `there is no LoRA ${JSON.stringify(positional[0] ?? '')}.`);
  return found;
}

/** Text encoders take the first number, the denoiser the second, which is the first unless given. */
function strengthsOf({ positional, named }: ExtraNetwork): (component: string) => number {
  const text = numberOf(named.te ?? positional[1], 1);
  const denoiser = numberOf(named.unet ?? positional[2], text);
  return (component) => (component.startsWith('text_encoder') ? text : denoiser);
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UserError('adapter.strength', `its strength must be a number, not ${JSON.stringify(text)}.`);
}

function ignoredOf(network: ExtraNetwork, rest: readonly string[]): string[] {
  const known = ['te', 'unet'];
  const ignored = Object.keys(network.named).filter((name) => !known.includes(name));
  if (network.positional.length > 3) ignored.push(rest[2]!);
  return ignored.map((name) => `${tagOf(network)}: ${name} has no effect; strengths of text encoder and U-Net act.`);
}
