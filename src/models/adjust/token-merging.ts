/**
 * Token merging (ToMe): in the self-attentions of the finest level, tokens that are most like another one are joined
 * with it before the attention and get its answer after it, which is faster for large pictures. Bolya and Hoffman 2023
 * (arXiv:2303.17604, bipartite soft matching over a grid); dbolya/tomesd with what A1111 asks of it: destinations are
 * the upper left token of each square of four, self-attention alone, no level below the first.
 *
 * A pass over the graph of a U-Net with diffusers' parameter names. Sorting is counting here: a token's rank is how many
 * are better. Left out: destinations drawn at random, and merging for cross-attention and feed-forward.
 */

import { f32, i64 } from '#core/tensor';
import {
  add,
  argMax,
  cast,
  concat,
  constant,
  div,
  equal,
  expand,
  gather,
  gatherElements,
  greater,
  less,
  logicalAnd,
  logicalOr,
  matmul,
  max,
  mul,
  reshape,
  scatterAdd,
  sliceAxis,
  sqrt,
  sub,
  sum,
  transpose,
  where,
} from '#graph/build';
import type { Dim } from '#graph/dim';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';

const selfAttention = /\.attn1\.to_q\.weight$/;

/** `ratio`: part of all tokens that is joined to others, up to three quarters. Sizes that are open stay whole. */
export function withTokenMerging(graph: Graph, ratio: number): Graph {
  const size = sizeOf(graph);
  if (!size) return graph;
  return mapGraph(graph, (v, inputs) => {
    const same = withInputs(v, inputs);
    if (!isMerged(v, size)) return same;
    const read = inputs[0]!.inputs[0]!;
    // What is compared is the block's input, before its norm.
    const matching = matched(read.op === 'layerNorm' ? read.inputs[0]! : read, size, ratio);
    if (!matching) return same;
    const tokens = merged(read, matching);
    const projected = inputs.map((x) => withInputs(x, [tokens, ...x.inputs.slice(1)]));
    return unmerged(withInputs(v, projected), matching);
  });
}

/** Whether there is anything that would be merged: a network without attention at its finest level has none. */
export function mergesTokens(graph: Graph): boolean {
  const size = sizeOf(graph);
  let found = false;
  if (size) {
    mapGraph(graph, (v, inputs) => {
      found ||= isMerged(v, size);
      return withInputs(v, inputs);
    });
  }
  return found;
}

interface Size {
  readonly height: number;
  readonly width: number;
}

function sizeOf(graph: Graph): Size | undefined {
  const sample = graph.inputs.find(({ attrs }) => attrs.name === 'sample');
  const [height, width] = sample?.shape.slice(2) ?? [];
  return typeof height === 'number' && typeof width === 'number' ? { height, width } : undefined;
}

function isMerged(v: Value, { height, width }: Size): boolean {
  if (v.op !== 'attention' || v.shape[1] !== height * width) return false;
  const [q, k] = v.inputs;
  const isSelf = q!.inputs.some((x) => x.op === 'parameter' && selfAttention.test(x.attrs.name));
  // Others have put something between the projections and the attention.
  return isSelf && q!.op === 'linear' && k!.inputs[0] === q.inputs[0];
}

interface Matching {
  /** Places of tokens that may be joined, and of those to which they may be. */
  readonly sources: readonly number[];
  readonly destinations: readonly number[];
  /** How many sources are joined. */
  readonly joined: number;
  /** [b, sources]: the nearest destination, i64; place among the sources by likeness, i64. */
  readonly nearest: Value;
  readonly rank: Value;
  /** [b, sources]: sources by their rank, i64. */
  readonly order: Value;
}

/** How tokens [b, t, c] go together; undefined where none do. */
function matched(x: Value, { height, width }: Size, ratio: number): Matching | undefined {
  const { sources, destinations } = parted(height, width);
  const joined = Math.min(sources.length, Math.floor(height * width * ratio));
  if (joined === 0 || destinations.length === 0) return undefined;
  const unit = div(x, sqrt(sum(mul(x, x), [-1], true)));
  const [from, to] = [gather(unit, places(sources), 1), transpose(gather(unit, places(destinations), 1), [0, 2, 1])];
  const likeness = parts(sources.length, destinations.length).map(([start, end]) => {
    return matmul(sliceAxis(from, 1, start, end), to);
  });
  const best = joinedParts(likeness.map((part) => max(part, [-1])));
  const nearest = joinedParts(likeness.map((part) => argMax(part, -1)));
  const numbers = expand(constant(f32([1, sources.length], [...sources.keys()])), best.shape);
  const rank = rankOf(best, numbers, sources.length);
  const order = cast(scatterAdd(rank, numbers, 1, rank.shape), 'i64');
  return { sources, destinations, joined, nearest, rank, order };
}

/** Of a table that is made in parts, the most entries at a time. */
const PART = 2 ** 22;

/** Ranges of rows of a table: whole, large ones would take more memory than the attention that they save. */
function parts(rows: number, columns: number): [start: number, end: number][] {
  const each = Math.max(1, Math.floor(PART / columns));
  const starts = Array.from({ length: Math.ceil(rows / each) }, (_, i) => i * each);
  return starts.map((start) => [start, Math.min(start + each, rows)]);
}

function joinedParts(list: readonly Value[]): Value {
  return list.length === 1 ? list[0]! : concat(list, 1);
}

/** The upper left one of each whole square of four is a destination. */
function parted(height: number, width: number): Pick<Matching, 'sources' | 'destinations'> {
  const isDestination = (place: number): boolean => {
    const [row, column] = [Math.floor(place / width), place % width];
    return row % 2 === 0 && column % 2 === 0 && row + 1 < height && column + 1 < width;
  };
  const all = Array.from({ length: height * width }, (_, place) => place);
  return { sources: all.filter((place) => !isDestination(place)), destinations: all.filter(isDestination) };
}

/** [b, n] -> how many of its row are greater, or as great and of a lower number; i64. */
function rankOf(best: Value, numbers: Value, n: number): Value {
  const batch = best.shape[0]!;
  const [other, otherNumber] = [best, numbers].map((x) => reshape(x, [batch, 1, n])) as [Value, Value];
  const ranks = parts(n, n).map(([start, end]) => {
    const [own, number] = [best, numbers].map((x) => reshape(sliceAxis(x, 1, start, end), [batch, end - start, 1]));
    const better = logicalOr(greater(other, own!), logicalAnd(equal(other, own!), less(otherNumber, number!)));
    return sum(cast(better, 'f32'), [-1]);
  });
  return cast(joinedParts(ranks), 'i64');
}

/** [b, t, c] -> [b, t - joined, c]: sources that stay, then destinations as the mean of all that they stand for. */
function merged(x: Value, { sources, destinations, joined, nearest, order }: Matching): Value {
  const [batch, , channels] = x.shape as [Dim, Dim, Dim];
  const source = gather(x, places(sources), 1);
  const [first, rest] = [sliceAxis(order, 1, 0, joined), sliceAxis(order, 1, joined, sources.length)];
  const to = gatherElements(nearest, first, 1);
  const count = destinations.length;
  const sums = scatterAdd(along(to, channels), rows(source, first), 1, [batch, count, channels]);
  const ones = expand(constant(f32([1, 1], [1])), to.shape);
  const counts = reshape(scatterAdd(to, ones, 1, [batch, count]), [batch, count, 1]);
  const joint = div(add(gather(x, places(destinations), 1), sums), add(counts, 1));
  return joined === sources.length ? joint : concat([rows(source, rest), joint], 1);
}

/** Each token gets what the one that stood for it got. */
function unmerged(y: Value, { sources, destinations, joined, nearest, rank }: Matching): Value {
  const stay = sources.length - joined;
  const batch = y.shape[0]!;
  const whole = (value: number): Value => constant(i64([1, 1], [value]));
  const ofSources = where(less(rank, whole(joined)), add(nearest, whole(stay)), sub(rank, whole(joined)));
  const ofDestinations = expand(reshape(places(destinations.map((_, i) => stay + i)), [1, destinations.length]), [
    batch,
    destinations.length,
  ]);
  const inOrder = places(inverse([...sources, ...destinations]));
  return rows(y, gather(concat([ofSources, ofDestinations], 1), inOrder, 1));
}

/** Rows of [b, t, c] by [b, n]. */
function rows(x: Value, indices: Value): Value {
  return gatherElements(x, along(indices, x.shape[2]!), 1);
}

/** [b, n] -> [b, n, c] */
function along(indices: Value, channels: Dim): Value {
  const [batch, n] = indices.shape as [Dim, Dim];
  return expand(reshape(indices, [batch, n, 1]), [batch, n, channels]);
}

function places(list: readonly number[]): Value {
  return constant(i64([list.length], list));
}

/** Where each place stands in a list of all of them. */
function inverse(list: readonly number[]): number[] {
  const at = new Array<number>(list.length);
  for (const [i, place] of list.entries()) at[place] = i;
  return at;
}
