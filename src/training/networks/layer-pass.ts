/** A pass over a finished graph that puts other computations in the place of its linear layers and convolutions. */

import { conv2d, linear } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';
import { moduleOf } from '#models/adapters/side-branch';

/** A layer of the network on the operands that it has after the pass. */
export interface Layer {
  /** Canonical name, such as `unet.conv_in`. */
  readonly module: string;
  readonly op: 'linear' | 'conv2d';
  readonly x: Value;
  readonly weight: Value;
  /** The layer with another input or weight. */
  with(x: Value, weight?: Value): Value;
  /** The layer with another weight and no bias. */
  plain(weight: Value): Value;
}

/** What a layer becomes; undefined where it stays. */
export type LayerChange = (layer: Layer) => Value | undefined;

export function withLayers(graph: Graph, change: LayerChange): Graph {
  return mapGraph(graph, (v, operands) => {
    const module = moduleOf(v);
    if (module === undefined) return withInputs(v, operands);
    const [x, weight, ...bias] = operands as [Value, Value, ...Value[]];
    const layer: Layer = {
      module,
      op: v.op as Layer['op'],
      x,
      weight,
      plain: (changed) => unbiased(v as LayerValue, x, changed),
      with: (input, changed = weight) => withInputs(v, [input, changed, ...bias]),
    };
    return change(layer) ?? withInputs(v, operands);
  });
}

type LayerValue = Value<'linear'> | Value<'conv2d'>;

function unbiased(v: LayerValue, x: Value, weight: Value): Value {
  return v.op === 'linear' ? linear(x, weight) : conv2d(x, weight, undefined, v.attrs);
}
