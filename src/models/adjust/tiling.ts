/**
 * Pictures that tile: every convolution takes what lies beyond an edge from the opposite one, as A1111's "Tiling" sets
 * `padding_mode` of all convolutions. A pass over the finished graph, so that it holds for any network. Edges that a
 * network pads by itself (the VAE's downsampling) stay, as there.
 */

import { conv2d, pad } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';

export interface TiledAxes {
  /** Left and right edge join. */
  readonly x: boolean;
  /** Top and bottom edge join. */
  readonly y: boolean;
}

export function tiled(graph: Graph, { x, y }: TiledAxes): Graph {
  return mapGraph(graph, (v, inputs) => {
    if (v.op !== 'conv2d' || v.attrs.padding.every((p) => p === 0)) return withInputs(v, inputs);
    const [top, left, bottom, right] = v.attrs.padding;
    const wrapped = pad(
      inputs[0]!,
      [0, 0, y ? top : 0, x ? left : 0],
      [0, 0, y ? bottom : 0, x ? right : 0],
      'circular',
    );
    const padding = [y ? 0 : top, x ? 0 : left, y ? 0 : bottom, x ? 0 : right] as const;
    const [, weight, bias] = inputs as [Value, Value, Value?];
    return conv2d(wrapped, weight, bias, { ...v.attrs, padding });
  });
}
