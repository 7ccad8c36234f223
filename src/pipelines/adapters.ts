/**
 * Networks that a prompt names: `<lora:name:te:unet>`, `<hypernet:name:strength>`, as A1111 reads them. One that is not
 * there, or that does not fit the model, is left out and told; generation goes on, as there.
 */

import { UserError } from '#core/errors';
import { blockWeights } from '#models/adapters/block-weights';
import { type AppliedAdapter, type CombinedAdapters, combineAdapters } from '#models/adapters/combine';
import type { AppliedHypernetwork } from '#models/hypernetworks/apply';
import { stripComments } from '#prompt/comments';
import { type ExtraNetwork, extractExtraNetworks } from '#prompt/extra-networks';
import { type JobEmbeddings, openJobEmbeddings } from './embeddings.ts';
import type { FoundAdapter, FoundEmbedding, PipelineModel } from './model.ts';
import type { GenerateRequest } from './request.ts';
import { textsOf } from './words.ts';

export interface LeftOut {
  /** As written in the prompt. */
  readonly tag: string;
  /** The rest of the sentence that begins with the tag. */
  readonly reason: string;
}

/** Of networks that act, by the name in the prompt. */
export type NetworkHashes = readonly (readonly [name: string, hash: string])[];

export interface JobAdapters {
  readonly combined: CombinedAdapters;
  /** Where known, by the key under which infotexts carry them. */
  readonly hashes: Readonly<Record<string, NetworkHashes>>;
  readonly embeddings: JobEmbeddings;
  readonly leftOut: readonly LeftOut[];
  readonly loras: readonly string[];
  readonly warnings: readonly string[];
}

/** What is found while the networks of a prompt are opened. */
class Opened {
  readonly adapters: AppliedAdapter[] = [];
  /** What prompts call them. */
  readonly loras: string[] = [];
  readonly hypernetworks: AppliedHypernetwork[] = [];
  /** Textual inversions that LoRAs bring along. */
  readonly embeddings = new Map<string, FoundEmbedding['tables']>();
  readonly hashes: Record<string, [name: string, hash: string][]> = {};
  readonly warnings: string[] = [];

  hash(key: string, name: string, hash: string | undefined): void {
    if (hash === undefined) return;
    this.hashes[key] ??= [];
    this.hashes[key].push([name, hash]);
  }
}

interface NetworkKind {
  /** @throws UserError for one that is not there or does not fit */
  open(network: ExtraNetwork, model: PipelineModel, opened: Opened): Promise<void>;
}

const lora: NetworkKind = { open: openLora };

const networkKinds: Readonly<Record<string, NetworkKind>> = {
  lora,
  // An old name of the same.
  lyco: lora,
  hypernet: { open: openHypernetwork },
};

export async function openJobAdapters(request: GenerateRequest, model: PipelineModel): Promise<JobAdapters> {
  const opened = new Opened();
  const leftOut: LeftOut[] = [];
  for (const network of extractExtraNetworks(stripComments(request.prompt)).networks) {
    try {
      const kind = Object.hasOwn(networkKinds, network.kind) ? networkKinds[network.kind] : undefined;
      if (!kind) throw new UserError('adapter.kind', `there are no networks of kind ${network.kind}.`);
      await kind.open(network, model, opened);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      leftOut.push({ tag: tagOf(network), reason: error.message });
    }
  }
  const { adapters, loras, hypernetworks, hashes, warnings } = opened;
  const embeddings = await openJobEmbeddings(textsOf(request), model, request.emphasis, opened.embeddings);
  return { combined: combineAdapters(adapters, hypernetworks), loras, hashes, embeddings, leftOut, warnings };
}

export function tagOf({ kind, args }: ExtraNetwork): string {
  return `<${kind}:${args.join(':')}>`;
}

async function openLora(network: ExtraNetwork, model: PipelineModel, opened: Opened): Promise<void> {
  const { name, applied, embeddings = [], hash } = await findLora(network, model);
  const { adapter } = applied;
  opened.adapters.push(applied);
  opened.loras.push(name);
  for (const [word, tables] of embeddings) opened.embeddings.set(word, tables);
  opened.hash('Lora hashes', name, hash);
  opened.warnings.push(...adapter.warnings.map((each) => `${name}: ${each}`), ...ignoredOf(network));
}

/** A LoRA as a prompt's tag says how it acts. @throws UserError for one that is not there or does not fit */
async function findLora(
  network: ExtraNetwork,
  { openLora: open }: Pick<PipelineModel, 'openLora'>,
): Promise<Pick<FoundAdapter, 'embeddings' | 'hash'> & { name: string; applied: AppliedAdapter }> {
  const { positional, named } = network;
  const [name = ''] = positional;
  const found = await open?.(name);
  if (!found) throw new UserError('adapter.not-found', `there is no LoRA ${JSON.stringify(name)}.`);
  const { adapter, embeddings, hash } = found;
  const applied = { adapter, strength: strengthsOf(network), rank: rankOf(named.dyn ?? positional[3]) };
  return { name, applied, embeddings, hash };
}

/** LoRAs as they stand in `<lora:...>`, for those who put them into a model for good. @throws UserError */
export async function appliedLoras(
  texts: readonly string[],
  model: Pick<PipelineModel, 'openLora'>,
): Promise<AppliedAdapter[]> {
  const applied: AppliedAdapter[] = [];
  for (const text of texts) {
    const [network] = extractExtraNetworks(`<lora:${text}>`).networks;
    if (!network)
      throw new UserError('adapter.text', `${JSON.stringify(text)} names no LoRA; expected NAME or NAME:0.8.`);
    applied.push((await findLora(network, model)).applied);
  }
  return applied;
}

async function openHypernetwork(
  { positional: [name = '', strength] }: ExtraNetwork,
  model: PipelineModel,
  opened: Opened,
): Promise<void> {
  const found = await model.openHypernetwork?.(name);
  if (!found) throw new UserError('adapter.not-found', `there is no hypernetwork ${JSON.stringify(name)}.`);
  opened.hypernetworks.push({ network: found.network, strength: numberOf(strength, 1) });
  opened.hash('Hypernet hashes', name, found.hash);
}

/** Text encoders take the first number, the denoiser the second, which is the first unless given; blocks further ones. */
function strengthsOf({ positional, named }: ExtraNetwork): AppliedAdapter['strength'] {
  const text = numberOf(named.te ?? positional[1], 1);
  const denoiser = numberOf(named.unet ?? positional[2], text);
  const ofBlock = named.lbw === undefined ? () => 1 : blockWeights(named.lbw);
  return (module) => (module.component.startsWith('text_encoder') ? text : denoiser) * ofBlock(module);
}

/** How many of a LoRA's ranks are used; undefined for all. */
function rankOf(text: string | undefined): number | undefined {
  const rank = text === undefined ? undefined : numberOf(text, 0);
  if (rank === undefined || (Number.isInteger(rank) && rank > 0)) return rank;
  throw new UserError('adapter.rank', `the ranks that are used must be a whole number from 1, not ${rank}.`);
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UserError('adapter.strength', `its strength must be a number, not ${JSON.stringify(text)}.`);
}

const knownNames: readonly string[] = ['te', 'unet', 'dyn', 'lbw'];

function ignoredOf(network: ExtraNetwork): string[] {
  const ignored = Object.keys(network.named).filter((name) => !knownNames.includes(name));
  ignored.push(...network.positional.slice(4));
  return ignored.map((name) => `${tagOf(network)}: ${name} has no effect.`);
}
