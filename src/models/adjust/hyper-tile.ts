/**
 * HyperTile: self-attention within tiles of the picture instead of over all of it, which is faster at large sizes and
 * for pictures larger than those that a network was trained on. tfernd/HyperTile; A1111's rule with one division
 * (extensions-builtin/hypertile): each side is parted as often as tiles of at least the wanted size go into it, and the
 * size doubles with each level. A pass over the graph of a U-Net with diffusers' parameter names; left out: the random
 * choice among divisions, and the VAE.
 */

import { reshape, transpose } from '#graph/build';
import { type Dim, mulDims } from '#graph/dim';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';

const selfAttention = /\.attn1\.to_q\.weight$/;

/** `tile`: least side of a tile at the first level, in cells. Sizes that are open stay whole. */
export function withHyperTile(graph: Graph, tile: number): Graph {
  const sample = graph.inputs.find(({ attrs }) => attrs.name === 'sample');
  const [height, width] = sample?.shape.slice(2) ?? [];
  if (typeof height !== 'number' || typeof width !== 'number') return graph;
  return mapGraph(graph, (v, inputs) => {
    const same = withInputs(v, inputs);
    const grid = v.op === 'attention' && isSelf(v) ? gridOf(v.shape[1]!, height, width, tile) : undefined;
    if (!grid || grid.rows * grid.columns === 1) return same;
    return joined(
      withInputs(
        v,
        inputs.map((x) => parted(x, grid)),
      ),
      grid,
      v.shape[0]!,
    );
  });
}

function isSelf({ inputs }: Value): boolean {
  return inputs[0]!.inputs.some((x) => x.op === 'parameter' && selfAttention.test(x.attrs.name));
}

interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** Of the whole level, cells. */
  readonly height: number;
  readonly width: number;
}

/** Each level halves both sides, rounding up. */
function gridOf(places: Dim, height: number, width: number, tile: number): Grid | undefined {
  let [h, w, least] = [height, width, tile];
  while (typeof places === 'number' && h * w > places) {
    [h, w, least] = [Math.ceil(h / 2), Math.ceil(w / 2), least * 2];
  }
  if (h * w !== places) return undefined;
  return { rows: partsOf(h, least), columns: partsOf(w, least), height: h, width: w };
}

/** How many equal parts of at least `least` a side has; its smallest divisor of that size is a part. */
function partsOf(side: number, least: number): number {
  for (let part = Math.min(least, side); part <= side; part++) if (side % part === 0) return side / part;
  return 1;
}

/** [b, h w, c] to [b rows columns, h / rows w / columns, c] */
function parted(x: Value, { rows, columns, height, width }: Grid): Value {
  const [batch, , channels] = x.shape as [Dim, Dim, Dim];
  const [h, w] = [height / rows, width / columns];
  const apart = transpose(reshape(x, [batch, rows, h, columns, w, channels]), [0, 1, 3, 2, 4, 5]);
  return reshape(apart, [mulDims(batch, rows * columns), h * w, channels]);
}

/** The inverse, for a batch. */
function joined(x: Value, { rows, columns, height, width }: Grid, batch: Dim): Value {
  const channels = x.shape[2]!;
  const [h, w] = [height / rows, width / columns];
  const together = transpose(reshape(x, [batch, rows, columns, h, w, channels]), [0, 1, 3, 2, 4, 5]);
  return reshape(together, [batch, height * width, channels]);
}
