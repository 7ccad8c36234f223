/** Sizes of the images a network works on: left open in steps that divide exactly, or fixed. */

import { type Dim, mulDims, symbol } from '#graph/dim';

/** Height and width of an image, in its own units (latent cells or pixels). */
export interface ImageSize {
  readonly height: Dim;
  readonly width: Dim;
}

/**
 * An open size whose height and width are multiples of 2^(levels - 1): `8*gridHeight` for four levels. One compiled
 * graph then serves every such size; other sizes need a graph of their own with fixed numbers.
 */
export function latentGrid(levels: number): ImageSize {
  const step = gridStep(levels);
  return { height: mulDims(symbol('gridHeight'), step), width: mulDims(symbol('gridWidth'), step) };
}

/** What a size must be a multiple of for `latentGrid(levels)` to fit it. */
export function gridStep(levels: number): number {
  return 2 ** (levels - 1);
}

/** Values of the grid's symbols (as `bindings` of a compilation) for a size in the grid's units. */
export function gridBindings(levels: number, size: { height: number; width: number }): Record<string, number> {
  const step = gridStep(levels);
  return { gridHeight: size.height / step, gridWidth: size.width / step };
}

/** The open batch dimension. */
export function batchDim(): Dim {
  return symbol('batch');
}
