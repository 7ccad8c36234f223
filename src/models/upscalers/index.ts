/** Upscalers: the architectures, in the order in which they are asked, and opening a file of one. */

import type { WeightSource } from '#engine/backend';
import { ModelFileError } from '../model-error.ts';
import { Scope } from '../nn/scope.ts';
import { resolveParameters } from '../resolve.ts';
import { type ModelFiles, openTensorFile } from '../tensor-file.ts';
import type { TensorTable } from '../tensor-table.ts';
import { rdn } from './rdn.ts';
import { rrdb } from './rrdb.ts';
import { srvgg } from './srvgg.ts';
import { type UpscalerArchitecture, type UpscalerNetwork, upscalerGraph, upscalerScope } from './upscaler.ts';

export const upscalerArchitectures: readonly UpscalerArchitecture[] = [rrdb, srvgg, rdn];

export interface OpenedUpscaler {
  readonly path: string;
  readonly title: string;
  readonly network: UpscalerNetwork;
  readonly weights: WeightSource;
}

export function isUpscaler(tensors: TensorTable): boolean {
  return upscalerArchitectures.some((each) => each.recognise(tensors));
}

/** By how much a file's network enlarges. @throws ModelFileError for one that is not whole */
export function upscalerScale(tensors: TensorTable): number | undefined {
  return upscalerArchitectures.find((each) => each.recognise(tensors))?.open(tensors).scale;
}

/** @throws ModelFileError for a file of something else, or one whose tensors do not make a whole network */
export async function openUpscaler(files: ModelFiles, path: string): Promise<OpenedUpscaler> {
  const { tensors } = await openTensorFile(files, path);
  const architecture = upscalerArchitectures.find((each) => each.recognise(tensors));
  if (!architecture) {
    const known = upscalerArchitectures.map(({ title }) => title).join(', ');
    throw new ModelFileError('not-an-upscaler', `its tensors are those of no upscaler known here: ${known}`, path);
  }
  const network = architecture.open(tensors);
  const scope = new Scope(upscalerScope);
  upscalerGraph(network, { scope });
  const { weights, problems, used } = resolveParameters(upscalerScope, scope.declared(), network.keys, tensors, '');
  const stray = [...tensors.keys()].find((name) => !used.has(name));
  const wrong = problems[0]?.message ?? (stray && `${stray} is not part of ${architecture.title}`);
  if (wrong !== undefined) throw new ModelFileError('misfit', wrong, path);
  return { path, title: architecture.title, network, weights: { get: (name) => weights.get(name) } };
}
