/**
 * Which values of a forward pass are kept for the backward pass where the others are computed again: sublinear memory
 * (Chen et al. 2016, arXiv:1604.06174), also known as gradient checkpointing.
 *
 * The forward pass is cut into blocks where little crosses. What crosses is kept; what is inside a block is made again
 * from it when the backward pass comes to the block. Where to cut follows from sizes alone, so every network has blocks.
 */

import { after } from './build.ts';
import { evaluateDim, symbolsOf } from './dim.ts';
import { withInputs } from './map-graph.ts';
import type { Value } from './value.ts';

const leaves: ReadonlySet<string> = new Set(['input', 'parameter', 'constant']);
/** What costs no memory of its own. */
const views: ReadonlySet<string> = new Set(['reshape', 'stopGradient']);

export const isLeaf = (v: Value): boolean => leaves.has(v.op);

/** Elements of a value whose symbols are 1. */
export function elementsAsOne(v: Value): number {
  return v.shape.reduce<number>(
    (n, d) =>
      n * (typeof d === 'number' ? d : evaluateDim(d, Object.fromEntries(symbolsOf(d).map((name) => [name, 1])))),
    1,
  );
}

interface Pass {
  /** What is computed, in order. */
  readonly values: readonly Value[];
  readonly sizes: readonly number[];
  /** Place of the last value that reads it; its own where none does. */
  readonly lastUse: readonly number[];
}

function passOf(order: readonly Value[]): Pass {
  const values = order.filter((v) => !isLeaf(v));
  const placeOf = new Map(values.map((v, place) => [v, place]));
  const lastUse = values.map((_, place) => place);
  values.forEach((v, place) => {
    for (const x of v.inputs) {
      const at = placeOf.get(x);
      if (at !== undefined) lastUse[at] = place;
    }
  });
  return { values, sizes: values.map((v) => (views.has(v.op) ? 0 : elementsAsOne(v))), lastUse };
}

/** What is kept across a cut behind each place. */
function crossings({ sizes, lastUse }: Pass): number[] {
  const changes = new Array<number>(sizes.length + 1).fill(0);
  sizes.forEach((size, place) => {
    changes[place]! += size;
    changes[lastUse[place]!]! -= size;
  });
  let sum = 0;
  return changes.slice(0, -1).map((change) => (sum += change));
}

/** Ends of blocks of at most `most` elements, each moved back to where least crosses. */
function blockEnds({ sizes }: Pass, crossing: readonly number[], most: number): number[] {
  const ends: number[] = [];
  let start = 0;
  while (start < sizes.length) {
    let [sum, best] = [0, start];
    let place = start;
    for (; place < sizes.length && (sum + sizes[place]! <= most || place === start); place++) {
      sum += sizes[place]!;
      if (sum < most / 2 || crossing[place]! <= crossing[best]!) best = place;
    }
    const end = place === sizes.length ? place - 1 : best;
    ends.push(end);
    start = end + 1;
  }
  return ends;
}

/** Elements that are there at most: what is kept, and the inside of the largest block. */
function peakOf({ sizes, lastUse }: Pass, ends: readonly number[]): number {
  let [kept, largest, start] = [0, 0, 0];
  for (const end of ends) {
    let inside = 0;
    for (let place = start; place <= end; place++) {
      if (lastUse[place]! > end) kept += sizes[place]!;
      inside += sizes[place]!;
    }
    largest = Math.max(largest, inside);
    start = end + 1;
  }
  return kept + largest;
}

/** Numbers of blocks that are tried; more make what is kept larger and what is inside a block smaller. */
const triedBlocks = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96];

/** The block of each value but leaves; `order` has operands before their users. */
export function blocksOf(order: readonly Value[]): Map<Value, number> {
  const pass = passOf(order);
  const crossing = crossings(pass);
  const total = pass.sizes.reduce((a, b) => a + b, 0);
  const tried = triedBlocks.map((count) => blockEnds(pass, crossing, total / count));
  const peaks = tried.map((ends) => peakOf(pass, ends));
  const ends = tried[peaks.indexOf(Math.min(...peaks))]!;
  let block = 0;
  return new Map(
    pass.values.map((v, place) => {
      if (place > ends[block]!) block++;
      return [v, block];
    }),
  );
}

/**
 * Values of a block computed again, when all of `gates` are there. Kept values and the smallest leaf of what is made of
 * leaves alone wait for them, so that nothing of the block is mistaken for what the forward pass made.
 */
export function recomputed(values: readonly Value[], gates: readonly Value[]): Map<Value, Value> {
  const inside = new Set(values);
  const gate = gateOf(gates);
  const held = new Map<Value, Value>();
  const hold = (x: Value): Value => {
    const known = held.get(x) ?? after(x, gate);
    held.set(x, known);
    return known;
  };
  const again = new Map<Value, Value>();
  for (const v of values) {
    const waits = v.inputs.every(isLeaf) ? smallestOf(v.inputs.filter((x) => x.op !== 'constant')) : undefined;
    const inputs = v.inputs.map((x) => {
      if (inside.has(x)) return again.get(x)!;
      return !isLeaf(x) || x === waits ? hold(x) : x;
    });
    again.set(v, withInputs(v, inputs));
  }
  return again;
}

/** One value that is there when all are. */
function gateOf(gates: readonly Value[]): Value {
  const smallest = smallestOf(gates)!;
  return gates.filter((g) => g !== smallest).reduce((gate, g) => after(gate, g), smallest);
}

function smallestOf(values: readonly Value[]): Value | undefined {
  return values.reduce<Value | undefined>((a, b) => (a && elementsAsOne(a) <= elementsAsOne(b) ? a : b), undefined);
}
