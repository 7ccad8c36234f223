/**
 * Several adapters at once, each with its strengths: low-rank changes are joined into one product a module, which a
 * side branch of the network computes; modules that anything else changes are merged, in the order of the prompt.
 * Hypernetworks stand beside them.
 */

import type { HostTensor } from '#core/tensor';
import { f32 } from '#core/tensor';
import type { AppliedHypernetwork } from '../hypernetworks/apply.ts';
import type { LowRank } from './kinds.ts';
import { type Matrix, product } from './matrix.ts';
import type { AdaptedModule } from './modules.ts';
import type { ModelAdapter, ModuleChange } from './open.ts';

export interface AppliedAdapter {
  readonly adapter: ModelAdapter;
  /** On a module; 0 leaves it as it is. */
  strength(module: AdaptedModule): number;
  /** How many ranks of low-rank changes act, the first ones; all when left out. */
  readonly rank?: number | undefined;
}

export interface CombinedAdapters {
  /** Products by module. */
  readonly branches: ReadonlyMap<string, LowRank>;
  /** Parameters that are to be replaced, by name: what they become. */
  readonly merged: ReadonlyMap<string, (current: Matrix) => Matrix>;
  /** In the order of the prompt. */
  readonly hypernetworks: readonly AppliedHypernetwork[];
  /** Of a component's merged parameters; equal keys are merged equally. */
  mergeKey(component: string): string;
}

interface Step {
  readonly change: ModuleChange;
  readonly strength: number;
  readonly id: string;
}

export const noAdapters: CombinedAdapters = combineAdapters([]);

/** `merges`: nothing is left to side branches. */
export function combineAdapters(
  applied: readonly AppliedAdapter[],
  hypernetworks: readonly AppliedHypernetwork[] = [],
  { merges = false }: { readonly merges?: boolean } = {},
): CombinedAdapters {
  const branches = new Map<string, LowRank>();
  const merged = new Map<string, (current: Matrix) => Matrix>();
  const keys = new Map<string, Set<string>>();
  for (const [module, steps] of stepsByModule(applied)) {
    if (!merges && steps.every(({ change }) => change.lowRank)) {
      branches.set(module.name, joined(steps));
      continue;
    }
    if (steps.some(({ change }) => change.weight)) merged.set(module.weight.name, (w) => afterAll(w, steps));
    if (steps.some(({ change }) => change.bias)) merged.set(module.bias!.name, (b) => biasAfterAll(b, steps));
    const key = keys.get(module.component) ?? new Set();
    for (const { id, strength } of steps) key.add(`${id}*${strength}`);
    keys.set(module.component, key);
  }
  const mergeKey = (component: string): string => [...(keys.get(component) ?? [])].join(' ');
  return { branches, merged, hypernetworks, mergeKey };
}

function stepsByModule(applied: readonly AppliedAdapter[]): Map<AdaptedModule, Step[]> {
  const byModule = new Map<AdaptedModule, Step[]>();
  for (const { adapter, strength, rank } of applied) {
    for (const whole of adapter.changes) {
      const of = strength(whole.module);
      if (of === 0) continue;
      const change = rank === undefined ? whole : ofFirstRanks(whole, rank);
      const id = rank === undefined ? adapter.id : `${adapter.id}/${rank}`;
      const steps = byModule.get(change.module) ?? [];
      byModule.set(change.module, [...steps, { change, strength: of, id }]);
    }
  }
  return byModule;
}

/** The change by the first ranks of its product, where it is one. */
function ofFirstRanks(change: ModuleChange, rank: number): ModuleChange {
  if (!change.lowRank || change.lowRank.down.shape[0]! <= rank) return change;
  const { down, up } = change.lowRank;
  const [[all, ...inner], out] = [down.shape as [number, ...number[]], up.shape[0]!];
  const columns = down.data.length / all;
  const first = new Float32Array(out * rank);
  for (let row = 0; row < out; row++) first.set(up.data.subarray(row * all, row * all + rank), row * rank);
  const lowRank: LowRank = {
    down: { shape: [rank, ...inner], data: down.data.slice(0, rank * columns) },
    up: { shape: [out, rank], data: first },
  };
  return { ...change, lowRank, weight: () => product(lowRank.up, lowRank.down) };
}

/** One product that is the sum of several: ranks side by side, strengths in `up`. */
function joined(steps: readonly Step[]): LowRank {
  const pairs = steps.map(({ change, strength }) => ({ ...change.lowRank!, strength }));
  const rank = pairs.reduce((sum, { down }) => sum + down.shape[0]!, 0);
  const [first] = pairs as [(typeof pairs)[number]];
  const down = new Float32Array(pairs.reduce((sum, pair) => sum + pair.down.data.length, 0));
  const out = first.up.shape[0]!;
  const up = new Float32Array(out * rank);
  let [at, column] = [0, 0];
  for (const pair of pairs) {
    const own = pair.down.shape[0]!;
    down.set(pair.down.data, at);
    for (let row = 0; row < out; row++) {
      for (let r = 0; r < own; r++) up[row * rank + column + r] = pair.up.data[row * own + r]! * pair.strength;
    }
    at += pair.down.data.length;
    column += own;
  }
  return { down: { shape: [rank, ...first.down.shape.slice(1)], data: down }, up: { shape: [out, rank], data: up } };
}

function afterAll(weight: Matrix, steps: readonly Step[]): Matrix {
  let current = weight;
  for (const { change, strength } of steps)
    if (change.weight) current = plus(current, change.weight(current), strength);
  return current;
}

function biasAfterAll(bias: Matrix, steps: readonly Step[]): Matrix {
  return steps.reduce((sum, { change, strength }) => (change.bias ? plus(sum, change.bias, strength) : sum), bias);
}

function plus({ shape, data }: Matrix, change: Matrix, strength: number): Matrix {
  return { shape, data: data.map((x, i) => x + strength * change.data[i]!) };
}

/** A side branch's feeds; rank 0 where nothing is to be added. */
export const tensorOf = ({ shape, data }: Matrix): HostTensor => f32(shape, data);
