/**
 * Cuts a graph into graphs that run one after the other: what a later one needs of an earlier one leaves the earlier one
 * as an output `cut.N` and enters the later one as an input of that name. Used to compile a large network piece by
 * piece, so that only one piece's weights exist twice while they are brought into the runtime's own layout.
 */

import { input } from './build.ts';
import { withInputs } from './map-graph.ts';
import { elementsAsOne } from './recompute.ts';
import { closeGraph, type Graph, topological, type Value } from './value.ts';

/** How far from its share of the weights a cut may be moved to where less crosses it. */
const slack = 0.25;

interface Order {
  readonly values: readonly Value[];
  /** Whether a value depends on what is fed; others are made again in each piece. */
  readonly isFed: (v: Value) => boolean;
  /** Place of the last value that reads it. */
  readonly lastUse: ReadonlyMap<Value, number>;
}

/** At most `count` graphs with about equal numbers of weights; fewer where there are too few weights to cut between. */
export function splitGraph(graph: Graph, count: number): Graph[] {
  const order = orderOf(graph);
  const cuts = placesOf(order, count);
  const ends = [...cuts, order.values.length - 1];
  const names = new Map<Value, string>();
  const nameOf = (v: Value): string => {
    const name = names.get(v) ?? `cut.${names.size}`;
    names.set(v, name);
    return name;
  };
  return ends.map((end, k) => pieceOf(graph, order, k === 0 ? -1 : ends[k - 1]!, end, nameOf));
}

function orderOf(graph: Graph): Order {
  const values = topological(Object.values(graph.outputs));
  const fed = new Set<Value>();
  const lastUse = new Map<Value, number>();
  values.forEach((v, place) => {
    if (v.op === 'input' || v.inputs.some((x) => fed.has(x))) fed.add(v);
    for (const x of v.inputs) lastUse.set(x, place);
  });
  return { values, isFed: (v) => fed.has(v), lastUse };
}

/** Places after which to cut: near equal shares of the weights, where the least crosses. */
function placesOf({ values, isFed, lastUse }: Order, count: number): number[] {
  let sum = 0;
  const before = values.map((v) => (sum += v.op === 'parameter' ? elementsAsOne(v) : 0));
  const crossing = (place: number): number =>
    values
      .slice(0, place + 1)
      .reduce((n, v) => n + (v.op !== 'input' && isFed(v) && (lastUse.get(v) ?? 0) > place ? elementsAsOne(v) : 0), 0);
  const places: number[] = [];
  for (let k = 1; k < count; k++) {
    const isNear = (weights: number): boolean => Math.abs(weights / sum - k / count) <= slack / count;
    let best: { place: number; crossing: number } | undefined;
    before.forEach((weights, place) => {
      if (!isNear(weights) || !isFed(values[place]!) || place <= (places.at(-1) ?? -1)) return;
      const size = crossing(place);
      if (!best || size < best.crossing) best = { place, crossing: size };
    });
    if (best && best.place < values.length - 1) places.push(best.place);
  }
  return places;
}

/** The values after place `start` up to `end`. */
function pieceOf(graph: Graph, order: Order, start: number, end: number, nameOf: (v: Value) => string): Graph {
  const { values, isFed, lastUse } = order;
  const made = new Map<Value, Value>();
  const outputs: Record<string, Value> = {};
  values.slice(0, end + 1).forEach((v, place) => {
    const isEarlier = place <= start && isFed(v) && v.op !== 'input';
    if (isEarlier && (lastUse.get(v) ?? 0) <= start) return;
    const own = isEarlier
      ? input(nameOf(v), v.dtype, v.shape)
      : withInputs(
          v,
          v.inputs.map((x) => made.get(x)!),
        );
    made.set(v, own);
    if (!isEarlier && isFed(v) && v.op !== 'input' && (lastUse.get(v) ?? 0) > end) outputs[nameOf(v)] = own;
  });
  const isLast = end === values.length - 1;
  for (const [name, v] of Object.entries(graph.outputs)) {
    const place = values.indexOf(v);
    if (place <= end && (place > start || (isLast && !isFed(v)))) outputs[name] = made.get(v)!;
  }
  return closeGraph(graph.name, outputs);
}
