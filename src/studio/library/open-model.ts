/** From the name of a model to one that the engine can draw with; files stay where they are. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ModelKind } from '#api/records/model';
import { UserError } from '#core/errors';
import { mergedWeights } from '#models/adapters/merge';
import { CheckpointError } from '#models/checkpoint-error';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { ModelFileError } from '#models/model-error';
import type { ModelRequest, OpenModel, PipelineModel } from '#pipelines/model';
import type { Preference } from '#pipelines/settings/index';
import { nodeModelFiles } from '../files/model-files.ts';
import { loraOpener } from './adapters.ts';
import { readCard, vaeOfCard, vaeSideFiles } from './card.ts';
import { controlOpener, visionOpener } from './controls.ts';
import { describeModel } from './describe.ts';
import { embeddingOpener } from './embeddings.ts';
import { findCalled, findModel, nearestNames } from './find.ts';
import { hypernetworkOpener } from './hypernetworks.ts';
import { nonFiniteParameters } from './non-finite.ts';
import { type Paired, pairParts } from './pairing.ts';
import { defaultModel } from './roots.ts';
import { bytesAt, modelStem, scanModels } from './scan.ts';
import { openTinyAutoencoder } from './tiny-autoencoders.ts';

/**
 * The file that a name or path stands for.
 * @param tell lets a part of a name stand for a model, and is told which; without it nothing but a name does
 * @throws UserError naming the nearest models
 */
export async function findModelFile(
  kind: 'model' | 'vae' | 'text-encoder',
  given: string,
  roots: readonly string[],
  tell?: (warning: string) => void,
): Promise<string> {
  if (await nodeModelFiles.exists(given)) return path.resolve(given);
  // A file's kind is known by its folder at most; a file in a folder of others is not meant.
  const wanted: readonly (ModelKind | undefined)[] =
    kind === 'model' ? ['checkpoint', 'unet', undefined] : [kind, undefined];
  const models = (await scanModels(roots)).filter((model) => wanted.includes(model.kind));
  const find = () => (tell ? findModel(models, given, tell) : findCalled(models, given));
  const found = looksLikePath(given) ? undefined : find();
  if (found) return found.path;
  if (looksLikePath(given) || models.length === 0) {
    const looked = models.length === 0 ? ` No models were found in ${roots.join(', ')}.` : '';
    throw new UserError(`${kind}.not-found`, `There is no ${kind} file or folder ${JSON.stringify(given)}.${looked}`);
  }
  const nearest = nearestNames(models, given).map((name) => JSON.stringify(name));
  const shown = JSON.stringify(given.slice(0, 100));
  throw new UserError(`${kind}.unknown`, `There is no ${kind} ${shown}. Did you mean ${nearest.join(' or ')}?`);
}

function looksLikePath(given: string): boolean {
  return (
    /^(\.{0,2}\/|~\/|[a-z]:[\\/])/i.test(given) || (given.includes('/') && modelStem(given) !== path.basename(given))
  );
}

/** How a model draws best; undefined where nothing says so, and for one that cannot be had, which its opener tells. */
export async function preferenceOf(
  model: string | undefined,
  roots: readonly string[],
): Promise<Preference | undefined> {
  try {
    const file = await findModelFile('model', model ?? defaultModel, roots, () => {});
    return (await readCard(file, await describeModel(file))).preferred;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Of the model that a request names; of a folder, of all that is in it. @throws UserError where there is none */
export async function modelBytes(model: string | undefined, roots: readonly string[]): Promise<number> {
  return await bytesAt(await findModelFile('model', model ?? defaultModel, roots, () => {}));
}

/** Opens what a request names; files stay where they are. */
export function modelOpener(roots: readonly string[]): OpenModel {
  return async ({ model, vae, textEncoders: encoders = [] }: ModelRequest): Promise<PipelineModel> => {
    const told: string[] = [];
    const find = async (kind: Parameters<typeof findModelFile>[0], name: string) =>
      await findModelFile(kind, name, roots, (warning) => told.push(warning));
    const file = await find('model', model ?? defaultModel);
    const vaeFile = vae === undefined ? await ownVae(file, roots, told) : await find('vae', vae);
    const chosen = await Promise.all(encoders.map(async (name) => await find('text-encoder', name)));
    const { loaded, warnings } = await loadWhole(file, { vae: vaeFile, textEncoders: chosen }, roots);
    const hash = await shortHash(file);
    const stamped = [...filesOf(loaded), ...vaeSideFiles.map((ending) => stemOf(file) + ending)];
    const opened = await stampsOf(stamped);
    const openLora = loraOpener(loaded, roots);
    const openControl = controlOpener(loaded, roots);
    return {
      reference: { name: modelStem(file), family: loaded.family.id, ...(hash && { hash }) },
      ...(vaeFile !== undefined && { vae: { name: path.basename(vaeFile) } }),
      parts: loaded.parts,
      weights: loaded.weights,
      warnings: [...told, ...warnings, ...warningsOf(loaded)],
      openLora,
      openHypernetwork: hypernetworkOpener(loaded, roots),
      ...embeddingOpener(loaded, roots),
      openControl,
      openVision: visionOpener(roots),
      openTiny: () => openTinyAutoencoder(loaded.parts.latent, roots),
      mergedWeights: (component, adapters) => mergedWeights(nodeModelFiles, loaded.weights, adapters, component),
      findNonFinite: (component) => nonFiniteParameters(loaded, component),
      isCurrent: async () => (await stampsOf(stamped)) === opened,
    };
  };
}

/** The model with parts from other files where it lacks some. */
async function loadWhole(
  file: string,
  options: Paired['options'],
  roots: readonly string[],
): Promise<{ loaded: LoadedCheckpoint; warnings: readonly string[] }> {
  try {
    return { loaded: await loadCheckpoint(nodeModelFiles, file, options), warnings: [] };
  } catch (error) {
    const lacks = error instanceof CheckpointError && error.problems.every(({ kind }) => kind === 'missing-component');
    if (!lacks) throw error;
    const paired = await pairParts(file, options, roots);
    return { loaded: await loadCheckpoint(nodeModelFiles, file, paired.options), warnings: paired.warnings };
  }
}

/** Endings of a VAE that lies beside its checkpoint under the checkpoint's name, in A1111's order. */
const besideEndings = ['.vae.pt', '.vae.ckpt', '.vae.safetensors'] as const;

/**
 * What stands for a checkpoint's own VAE unless a request asks for another one: that of its card, then the file beside it
 * (A1111 modules/sd_vae.py, resolve_vae). One that is not there is told.
 */
async function ownVae(file: string, roots: readonly string[], told: string[]): Promise<string | undefined> {
  const named = await vaeOfCard(file);
  if (named === 'None') return undefined;
  try {
    if (named !== undefined) return await findModelFile('vae', named, roots);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    told.push(`The VAE of this model's card is not taken. ${error.message}`);
  }
  for (const ending of besideEndings) {
    const beside = stemOf(file) + ending;
    if (await nodeModelFiles.exists(beside)) return beside;
  }
  return undefined;
}

const stemOf = (file: string): string => file.slice(0, file.length - path.extname(file).length);

/** Files that hold the weights. */
function filesOf({ family, config, weights }: LoadedCheckpoint): string[] {
  const refs = family.parameters(config).map(({ name }) => weights.get(name));
  return [...new Set(refs.flatMap((ref) => (ref && ref.kind !== 'memory' ? [ref.path] : [])))];
}

/** Changes whenever one of the files is written, replaced or removed. */
async function stampsOf(files: readonly string[]): Promise<string> {
  const facts = await Promise.all(files.map((file) => stat(file, { bigint: true }).catch(() => undefined)));
  return facts.map((f) => (f ? `${f.ino}:${f.size}:${f.mtimeNs}` : 'gone')).join(' ');
}

function warningsOf({ path: file, problems }: LoadedCheckpoint): string[] {
  if (problems.length === 0) return [];
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return [`${path.basename(file)}: ${first!.message}${more}; darkroom inspect shows all.`];
}

/** Hashing a larger file would hold up the first picture by more than its worth. */
const largestHashed = 256 * 2 ** 20;

/** A1111's short hash: the first ten digits of the file's sha256. */
async function shortHash(file: string): Promise<string | undefined> {
  const facts = await stat(file);
  if (!facts.isFile() || facts.size > largestHashed) return undefined;
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 22 })) hash.update(chunk as Buffer);
  } catch (cause) {
    throw new ModelFileError('unreadable', `the file cannot be read: ${(cause as Error).message}`, file);
  }
  return hash.digest('hex').slice(0, 10);
}
