/**
 * Hypernetworks in a graph: what the key and value of every attention are made from, cross or self, goes through the
 * networks for its width first, x + strength * network(x), one hypernetwork after the other.
 *
 * A pass over the finished graph. The networks' weights become parameters of the graph, the strengths inputs, so that
 * other strengths need no other session. A context that many layers read is put through once.
 */

import { f32 } from '#core/tensor';
import type { Feeds, WeightSource } from '#engine/backend';
import { add, input, layerNorm, linear, maximum, minimum, mul, parameter } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import { type Graph, topological, type Value } from '#graph/value';
import type { Matrix } from '../adapters/matrix.ts';
import { activations } from './activations.ts';
import type { HyperLayer, Hypernetwork, HyperPair } from './read.ts';

export interface AppliedHypernetwork {
  readonly network: Hypernetwork;
  readonly strength: number;
}

type Side = keyof HyperPair;
const sides: readonly Side[] = ['key', 'value'];

const strengthOf = (index: number): string => `hypernetwork_${index}.strength`;

/** Equal keys make equal graphs. */
export function hypernetworksKey(applied: readonly AppliedHypernetwork[]): string {
  return applied.map(({ network }) => network.id).join(' ');
}

export function withHypernetworks(graph: Graph, applied: readonly AppliedHypernetwork[]): Graph {
  if (applied.length === 0) return graph;
  const projections = projectionsOf(graph);
  const strengths = applied.map((_, index) => input(strengthOf(index), 'f32', [1]));
  const changed = new Map<Value, Map<Side, Value>>();
  const changeOf = (context: Value, side: Side): Value => {
    const known = changed.get(context) ?? new Map<Side, Value>();
    changed.set(context, known);
    const done = known.get(side) ?? throughAll(context, side, applied, strengths);
    known.set(side, done);
    return done;
  };
  return mapGraph(graph, (v, operands) => {
    const side = projections.get(v);
    if (side === undefined) return withInputs(v, operands);
    const [context, ...weights] = operands as [Value, ...Value[]];
    return withInputs(v, [changeOf(context, side), ...weights]);
  });
}

/** Linear layers that make the keys and the values of attentions. */
function projectionsOf(graph: Graph): Map<Value, Side> {
  const found = new Map<Value, Side>();
  for (const v of topological(Object.values(graph.outputs))) {
    if (v.op !== 'attention') continue;
    for (const [i, side] of sides.entries()) {
      const projection = v.inputs[i + 1]!;
      if (projection.op === 'linear') found.set(projection, side);
    }
  }
  return found;
}

/** Widths of what the attentions of a graph make keys and values from. */
export function contextWidths(graph: Graph): ReadonlySet<number> {
  return new Set([...projectionsOf(graph).keys()].map((v) => v.inputs[0]!.shape.at(-1) as number));
}

function throughAll(
  context: Value,
  side: Side,
  applied: readonly AppliedHypernetwork[],
  strengths: readonly Value[],
): Value {
  return applied.reduce((x, { network }, index) => {
    const width = x.shape.at(-1) as number;
    const pair = network.pairs.get(width);
    if (!pair) return x;
    const change = run(network, pair[side], x, (layer, part, shape) =>
      parameter(parameterName(index, width, side, layer, part), shape),
    );
    return add(x, mul(change, strengths[index]!));
  }, context);
}

type ParameterOf = (layer: number, part: 'weight' | 'bias', shape: readonly number[]) => Value;

function parameterName(index: number, width: number, side: Side, layer: number, part: string): string {
  return `hypernetwork_${index}.${width}.${side}.${layer}.${part}`;
}

function run(
  { activation, activatesOutput }: Hypernetwork,
  layers: readonly HyperLayer[],
  context: Value,
  parameterOf: ParameterOf,
): Value {
  const last = layers.findLastIndex(({ kind }) => kind === 'linear');
  const activate = activations[activation]!;
  return layers.reduce((x, { kind, weight, bias }, i) => {
    const w = parameterOf(i, 'weight', weight.shape);
    const b = bias && parameterOf(i, 'bias', bias.shape);
    if (kind === 'norm') return layerNorm(x, w, b!);
    if (kind === 'slope') return add(maximum(x, 0), mul(minimum(x, 0), w));
    const y = linear(x, w, b);
    return i < last || activatesOutput ? activate(y) : y;
  }, context);
}

/** The model's weights and those of the networks. */
export function withHypernetworkWeights(weights: WeightSource, applied: readonly AppliedHypernetwork[]): WeightSource {
  if (applied.length === 0) return weights;
  const own = new Map<string, Matrix>();
  for (const [index, { network }] of applied.entries()) {
    for (const [width, pair] of network.pairs) {
      for (const side of sides) {
        for (const [layer, { weight, bias }] of pair[side].entries()) {
          own.set(parameterName(index, width, side, layer, 'weight'), weight);
          if (bias) own.set(parameterName(index, width, side, layer, 'bias'), bias);
        }
      }
    }
  }
  return {
    get(name) {
      const matrix = own.get(name);
      return matrix ? { kind: 'memory', tensor: f32(matrix.shape, matrix.data) } : weights.get(name);
    },
  };
}

/** Of those that act in a graph; none for one without an attention that they know. */
export function strengthFeeds({ inputs }: Graph, applied: readonly AppliedHypernetwork[]): Feeds {
  const names = new Set(inputs.map(({ attrs }) => attrs.name));
  return Object.fromEntries(
    applied.flatMap(({ strength }, index) =>
      names.has(strengthOf(index)) ? [[strengthOf(index), f32([1], Float32Array.of(strength))]] : [],
    ),
  );
}
