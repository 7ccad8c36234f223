/**
 * A network that enlarges pictures: `image` f32 [b, 3, h, w], RGB 0..1, -> `image` [b, 3, scale*h, scale*w], not clamped.
 * Each architecture recognises its own files by their tensors alone and reads its sizes from their shapes.
 */

import { input } from '#graph/build';
import { mulDims, symbol } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import type { KeyMap } from '../keys.ts';
import { batchDim, type ImageSize } from '../nn/grid.ts';
import { Scope } from '../nn/scope.ts';
import type { TensorTable } from '../tensor-table.ts';

/** What an architecture makes of one file. */
export interface UpscalerNetwork {
  readonly scale: number;
  /** Sides of what goes in must be multiples of this. */
  readonly multiple: number;
  /** Names of its parameters in the file. */
  readonly keys: KeyMap;
  /** RGB 0..1 [b, 3, h, w] -> [b, 3, scale*h, scale*w] */
  run(scope: Scope, image: Value): Value;
}

export interface UpscalerArchitecture {
  readonly title: string;
  recognise(tensors: TensorTable): boolean;
  /** @throws ModelFileError for sizes that do not make a whole network */
  open(tensors: TensorTable): UpscalerNetwork;
}

/** Component prefix of an upscaler's parameters. */
export const upscalerScope = 'upscaler';

export interface UpscalerGraphOptions {
  /** Pixels of what goes in; open in steps of the network's multiple by default. */
  readonly size?: ImageSize | undefined;
  readonly scope?: Scope;
}

export function upscalerGraph(
  network: UpscalerNetwork,
  { size, scope = new Scope(upscalerScope) }: UpscalerGraphOptions = {},
): Graph {
  const { multiple } = network;
  const { height, width } = size ?? {
    height: mulDims(symbol('gridHeight'), multiple),
    width: mulDims(symbol('gridWidth'), multiple),
  };
  const image = input('image', 'f32', [batchDim(), 3, height, width]);
  return closeGraph('upscaler', { image: network.run(scope, image) });
}
