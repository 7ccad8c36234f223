/**
 * Low-rank changes beside the network instead of in its weights: y = W x + up(down(x)), with `down` and `up` as inputs
 * of the graph whose rank is open, so that other adapters and other strengths need no other session.
 *
 * A pass over the finished graph; a convolution's branch goes as the convolution itself does (stride, padding), then
 * one by one.
 */

import { f32 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { add, conv2d, input, matmul } from '#graph/build';
import { symbol } from '#graph/dim';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';
import type { LowRank } from './kinds.ts';
import { transposed } from './matrix.ts';

const downOf = (module: string): string => `${module}.lora_down`;
const upOf = (module: string): string => `${module}.lora_up`;

/** The graph with side branches at `modules` (canonical names, such as `unet.conv_in`) that it has. */
export function withSideBranches(graph: Graph, modules: ReadonlySet<string>): Graph {
  if (modules.size === 0) return graph;
  const inputs = new Map<string, BranchInputs>();
  return mapGraph(graph, (v, operands) => {
    const same = withInputs(v, operands);
    const module = moduleOf(v);
    if (module === undefined || !modules.has(module)) return same;
    const known = inputs.get(module) ?? branchInputs(module, v, inputs.size);
    inputs.set(module, known);
    return add(same, branch(v, operands[0]!, known));
  });
}

interface BranchInputs {
  readonly down: Value;
  readonly up: Value;
}

/** Canonical name of a linear layer or convolution with a weight of its own. */
export function moduleOf(v: Value): string | undefined {
  if (v.op !== 'linear' && v.op !== 'conv2d') return undefined;
  const weight = v.inputs[1]!;
  return weight.op === 'parameter' ? weight.attrs.name.replace(/\.weight$/, '') : undefined;
}

function branchInputs(module: string, { op, inputs }: Value, index: number): BranchInputs {
  const [out, inner, ...kernel] = inputs[1]!.shape;
  const rank = symbol(`rank_${index}`);
  if (op === 'linear') {
    return {
      down: input(downOf(module), 'f32', [inner!, rank]),
      up: input(upOf(module), 'f32', [rank, out!]),
    };
  }
  return {
    down: input(downOf(module), 'f32', [rank, inner!, ...kernel]),
    up: input(upOf(module), 'f32', [out!, rank, 1, 1]),
  };
}

function branch(v: Value, x: Value, { down, up }: BranchInputs): Value {
  if (v.op !== 'conv2d') return matmul(matmul(x, down), up);
  return conv2d(conv2d(x, down, undefined, v.attrs), up);
}

/** Feeds of the branches that `graph` has; those without a product add nothing. */
export function branchFeeds(graph: Graph, products: ReadonlyMap<string, LowRank>): Feeds {
  const names = new Set(graph.inputs.map(({ attrs }) => attrs.name));
  const feeds: Record<string, Feeds[string]> = {};
  for (const { attrs, shape } of graph.inputs) {
    const [, module] = /^(.*)\.lora_down$/.exec(attrs.name) ?? [];
    if (module === undefined || !names.has(upOf(module))) continue;
    const up = graph.inputs.find((other) => other.attrs.name === upOf(module))!;
    const product = products.get(module);
    Object.assign(feeds, product ? fed(module, product, shape.length === 2) : nothing(module, shape, up.shape));
  }
  return feeds;
}

function fed(module: string, { down, up }: LowRank, isLinear: boolean): Feeds {
  if (!isLinear) {
    return { [downOf(module)]: f32(down.shape, down.data), [upOf(module)]: f32([...up.shape, 1, 1], up.data) };
  }
  const [turnedDown, turnedUp] = [transposed(down), transposed(up)];
  return {
    [downOf(module)]: f32(turnedDown.shape, turnedDown.data),
    [upOf(module)]: f32(turnedUp.shape, turnedUp.data),
  };
}

/** Rank 0 for products; rank 1 of zeros for convolutions, which runtimes refuse without channels. */
function nothing(module: string, down: readonly unknown[], up: readonly unknown[]): Feeds {
  const rank = down.length === 2 ? 0 : 1;
  const sized = (shape: readonly unknown[]): number[] => shape.map((d) => (typeof d === 'number' ? d : rank));
  const zeros = (shape: number[]) => f32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  return { [downOf(module)]: zeros(sized(down)), [upOf(module)]: zeros(sized(up)) };
}
