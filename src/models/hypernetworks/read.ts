/**
 * A1111's hypernetworks: for each width of context two small networks, whose outputs are added to what keys and values
 * are made from. File: a dictionary of whole numbers (the widths) to pairs of state dictionaries, with settings beside.
 *
 * Layers are told by their tensors: a matrix is a linear layer, a vector with a bias a layer norm, one without the slope
 * of PReLU. So the stored structure and dropout, which only shift the numbers of layers, are not needed. Source:
 * AUTOMATIC1111 web UI v1.10.1, modules/hypernetworks/hypernetwork.py (format and behaviour).
 */

import type { Matrix } from '../adapters/matrix.ts';
import { readWeight } from '../adapters/read-weight.ts';
import { ModelFileError } from '../model-error.ts';
import type { ModelFiles, TensorFile } from '../tensor-file.ts';
import { activations } from './activations.ts';

export interface HyperLayer {
  readonly kind: 'linear' | 'norm' | 'slope';
  readonly weight: Matrix;
  readonly bias: Matrix | undefined;
}

/** The networks for one width of context. */
export interface HyperPair {
  readonly key: readonly HyperLayer[];
  readonly value: readonly HyperLayer[];
}

export interface Hypernetwork {
  /** Identifies the file's state: equal ids change a model equally. */
  readonly id: string;
  readonly pairs: ReadonlyMap<number, HyperPair>;
  readonly activation: string;
  /** Whether the last linear layer's output goes through the activation as well. */
  readonly activatesOutput: boolean;
}

/** @throws ModelFileError for a file that is no hypernetwork, not one that can be computed, or damaged */
export async function readHypernetwork(files: ModelFiles, file: TensorFile, id: string): Promise<Hypernetwork> {
  const { activation_func: activation = 'linear', activate_output: output = 'true' } = file.metadata;
  if (!Object.hasOwn(activations, activation)) {
    const known = Object.keys(activations).join(', ');
    const message = `its activation is ${JSON.stringify(activation.slice(0, 50))}; known are ${known}`;
    throw new ModelFileError('hypernetwork-activation', message, file.path);
  }
  const pairs = new Map<number, HyperPair>();
  for (const width of widthsOf(file)) {
    const [key, value] = [await readLayers(files, file, `${width}.0`), await readLayers(files, file, `${width}.1`)];
    for (const layers of [key, value]) checkLayers(layers, width, file.path);
    pairs.set(width, { key, value });
  }
  if (pairs.size === 0)
    throw new ModelFileError('hypernetwork', 'no tensor in it belongs to a hypernetwork', file.path);
  return { id, pairs, activation, activatesOutput: output.toLowerCase() !== 'false' };
}

const layerName = /^(\d+)\.[01]\.linear\.?(\d+)\.(weight|bias)$/;

function widthsOf({ tensors }: TensorFile): number[] {
  const widths = [...tensors.keys()].flatMap((name) => layerName.exec(name)?.[1] ?? []);
  return [...new Set(widths.map(Number))].sort((a, b) => a - b);
}

/** In order; the oldest files count from 1, without a dot. */
async function readLayers(files: ModelFiles, file: TensorFile, prefix: string): Promise<HyperLayer[]> {
  const found = new Map<number, { weight?: Matrix; bias?: Matrix }>();
  for (const [name, { ref, dtype }] of file.tensors) {
    const [, , index, part] = (name.startsWith(`${prefix}.`) && layerName.exec(name)) || [];
    if (index === undefined) continue;
    if (!ref) throw new ModelFileError('hypernetwork', `${name} is ${dtype}, which cannot be computed with`, file.path);
    const matrix = await readWeight(files, ref);
    if (!matrix.data.every(Number.isFinite)) {
      throw new ModelFileError('hypernetwork-damaged', `${name} holds NaN or infinity; get the file again`, file.path);
    }
    found.set(Number(index), { ...found.get(Number(index)), [part as 'weight' | 'bias']: matrix });
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([index, { weight, bias }]) => {
      if (!weight) throw new ModelFileError('hypernetwork', `${prefix}.linear.${index} has no weight`, file.path);
      return { kind: weight.shape.length === 2 ? 'linear' : bias ? 'norm' : 'slope', weight, bias };
    });
}

/** Each layer takes what the one before it gives, from the context's width and back to it. */
function checkLayers(layers: readonly HyperLayer[], width: number, path: string): void {
  const misfit = (what: string): ModelFileError =>
    new ModelFileError(
      'hypernetwork-shape',
      `its networks for contexts ${width} wide do not fit together: ${what}`,
      path,
    );
  let at = width;
  for (const { kind, weight, bias } of layers) {
    const [out = 1, inner] = weight.shape;
    if (kind === 'linear' && inner !== at) throw misfit(`a layer takes ${inner} numbers and gets ${at}`);
    if (kind === 'linear') at = out;
    if (kind === 'norm' && out !== at) throw misfit(`a layer norm is ${out} wide and gets ${at}`);
    if (kind === 'slope' && weight.data.length !== 1) throw misfit('an activation has more than one slope');
    if (bias && bias.data.length !== at) throw misfit(`a bias is ${bias.data.length} wide in place of ${at}`);
  }
  if (at !== width || layers.length === 0) throw misfit(`they give ${layers.length === 0 ? 'nothing' : at}`);
}
