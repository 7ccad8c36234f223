/**
 * A LoRA from the difference of two checkpoints: each layer's difference as the nearest product of the rank that was
 * asked for. Names and layers as kohya's sd-scripts (networks/extract_lora_from_models.py) and trainings of ours have them; the product stands
 * for all of the difference, so alpha is the rank. One layer of each checkpoint in memory at a time.
 *
 * Left out: its bound on outliers (a quantile of the factors), which changes what was trained.
 */

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { f32, type HostTensor } from '#core/tensor';
import { factored } from '#models/adapters/factor';
import type { Matrix } from '#models/adapters/matrix';
import { readWeight } from '#models/adapters/read-weight';
import { metadataNames } from '#models/family';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { loraTargets } from '#training/networks/lora';
import { nodeModelFiles } from '../files/model-files.ts';
import { findModelFile } from '../library/open-model.ts';
import { writeTensors } from '../training/methods/trained-result.ts';
import { version } from '../version.ts';
import type { Made, MakeContext, MakeRequest } from './make.ts';

/** Undefined: it was stopped, and nothing is there. @throws UserError `extract.*`, ModelFileError; DarkroomError `disk.*` */
export async function extractLora(
  request: MakeRequest<'extract'>,
  { to, roots, force, signal, onProgress }: MakeContext,
): Promise<Made | undefined> {
  if (!force && (await stat(to).catch(() => undefined))) {
    throw new UserError('extract.exists', `${to} is there already; give another name or --force.`);
  }
  const open = async (name: string) =>
    await loadCheckpoint(nodeModelFiles, await findModelFile('model', name, roots), { partial: true });
  const [tuned, base] = [await open(request.tuned), await open(request.base)];
  checkSameFamily(tuned, base);
  const { rank, convRank } = request;
  const sizes = { rank, alpha: rank, convRank, convAlpha: convRank, trainsDenoiser: true, trainsText: true };
  const targets = loraTargets(tuned, sizes).filter(({ module }) => hasWeight(tuned, module) && hasWeight(base, module));
  const tensors = new Map<string, HostTensor>();
  const kept: number[] = [];
  for (const [i, { module, name, rank: own }] of targets.entries()) {
    if (signal?.aborted) return undefined;
    const change = await difference(tuned, base, module.weight);
    if (change.data.some((v) => v !== 0)) {
      const { up, down, kept: part } = factored(change, own);
      kept.push(part);
      addLayer(tensors, name, up, down);
    }
    onProgress?.(i + 1, targets.length);
  }
  if (kept.length === 0) {
    throw new UserError('extract.same', 'The two checkpoints are the same in every layer that a LoRA can change.');
  }
  await writeTensors(to, tensors, request.full ? 'float' : 'fp16', metadataOf(request, tuned, to));
  return { bytes: (await stat(to)).size, notes: [...notesOf(kept, targets.length, tuned, base)] };
}

function checkSameFamily(tuned: LoadedCheckpoint, base: LoadedCheckpoint): void {
  if (tuned.family.id === base.family.id) return;
  const message = `${tuned.path} is ${tuned.family.title} and ${base.path} ${base.family.title}; a LoRA is the difference of two models of one family.`;
  throw new UserError('extract.family', message);
}

const hasWeight = ({ weights }: LoadedCheckpoint, { weight }: { weight: { name: string } }): boolean =>
  weights.get(weight.name) !== undefined;

async function difference(
  tuned: LoadedCheckpoint,
  base: LoadedCheckpoint,
  { name, shape }: { readonly name: string; readonly shape: readonly number[] },
): Promise<Matrix> {
  const [a, b] = [await valuesOf(tuned, name), await valuesOf(base, name)];
  if (a.length !== b.length) {
    throw new UserError('extract.shape', `${name} has ${a.length} numbers in one model and ${b.length} in the other.`);
  }
  return { shape, data: a.map((v, i) => v - b[i]!) };
}

async function valuesOf({ weights }: LoadedCheckpoint, name: string): Promise<Float32Array> {
  return (await readWeight(nodeModelFiles, weights.get(name)!)).data;
}

function addLayer(tensors: Map<string, HostTensor>, name: string, up: Matrix, down: Matrix): void {
  const rank = down.shape[0]!;
  const kernel = down.shape.slice(2).map(() => 1);
  tensors.set(`${name}.lora_up.weight`, f32([...up.shape, ...kernel], up.data));
  tensors.set(`${name}.lora_down.weight`, f32(down.shape, down.data));
  tensors.set(`${name}.alpha`, f32([], [rank]));
}

function metadataOf(
  { tuned, base, rank, convRank }: MakeRequest<'extract'>,
  { family }: LoadedCheckpoint,
  to: string,
): Record<string, string> {
  return {
    ss_network_module: 'networks.lora',
    ss_network_dim: String(rank),
    ss_network_alpha: String(rank),
    ss_network_args: JSON.stringify(convRank > 0 ? { conv_dim: String(convRank), conv_alpha: String(convRank) } : {}),
    ss_output_name: path.basename(to, path.extname(to)),
    ss_base_model_version: metadataNames(family).baseVersion,
    ss_sd_model_name: path.basename(base),
    'modelspec.implementation': `Darkroom ${version()}`,
    'darkroom.extracted_from': path.basename(tuned),
  };
}

/** What the rank could not hold, and what no rank holds. */
function* notesOf(kept: readonly number[], layers: number, tuned: LoadedCheckpoint, base: LoadedCheckpoint) {
  const mean = kept.reduce((sum, part) => sum + part, 0) / kept.length;
  yield `${kept.length} of ${layers} layers differ; the LoRA holds ${(100 * mean).toFixed(1)}% of their difference.`;
  const gone = [...tuned.components, ...base.components].filter(
    (each) => !tuned.components.includes(each) || !base.components.includes(each),
  );
  if (gone.length > 0)
    yield `Only one of the files has ${[...new Set(gone)].join(', ')}; what that changes is not in the LoRA.`;
}
