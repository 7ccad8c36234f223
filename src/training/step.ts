/**
 * A training step as graphs: forward, backward, global-norm clip, optimiser and EMA in one session run; with gradient
 * accumulation, all but the last part of a step run as a smaller graph that only adds gradients up.
 *
 * Every state tensor is fed and returned, so a caller that keeps two copies and swaps them after a good step never
 * loses the last good state (see loop.ts); with `updatesApart` the gradients are returned instead.
 */

import { type HostTensor, type Shape, zeros } from '#core/tensor';
import { add, div, input, minimum, mul, parameter, sqrt, sum } from '#graph/build';
import { fixedShape } from '#graph/dim';
import { grad } from '#graph/gradient';
import { simplify } from '#graph/simplify';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { emaUpdate } from './ema.ts';
import type { Operand, Optimizer, Scalars } from './optimizer.ts';
import { type DecayRule, decaysAll } from './weight-decay.ts';

/** What is trained: a scalar loss over data inputs and parameters, and scalars worth logging. */
export interface Objective {
  readonly loss: Value;
  readonly metrics?: Readonly<Record<string, Value>>;
}

export interface StepOptions {
  readonly optimizer: Optimizer;
  /** Largest global gradient norm (torch.nn.utils.clip_grad_norm_); none when left out. */
  readonly clipNorm?: number;
  readonly ema: boolean;
  /** Parts a step is split into; gradients are averaged over them. */
  readonly accumulate: number;
  /** Which parameters learn; the others are fed and stay. Default all. */
  readonly trains?: (name: string) => boolean;
  /** Which parameters weight decay acts on. Default all. */
  readonly decays?: DecayRule;
  /** Group of a parameter, whose scalars are its own; one for all when left out. */
  readonly groupOf?: ((name: string) => string) | undefined;
  /** Keep little of the forward pass and compute the rest again, block by block. Default false. */
  readonly recompute?: boolean;
  /** `apply` returns gradients and their clip factor instead of new state, for `fusedUpdate`. Default false. */
  readonly updatesApart?: boolean;
}

export interface TrainingStep {
  /** Runs for the last (or only) part: returns new state, loss, gradient norm and metrics. */
  readonly apply: Graph;
  /** Runs for each earlier part of an accumulated step; absent when `accumulate` is 1. */
  readonly gather: Graph | undefined;
  readonly state: readonly StateTensor[];
  readonly frozen: readonly Value<'parameter'>[];
}

export interface StateTensor {
  /**
   * Name of the feed and of the output: the parameter's own, `slot:parameter` (`m:`, `v:`, `ema:`), or `shared:slot`
   * for state that all parameters share.
   */
  readonly name: string;
  /** Empty for shared state. */
  readonly parameter: string;
  /** `parameter`, `ema`, or the optimiser's name for the slot. */
  readonly slot: string;
  readonly shape: Shape;
  /** First value: a number everywhere, a copy of the parameter, or what the task gives. */
  readonly initial: number | 'parameter' | 'task';
}

export const gradientSum = (name: string): string => `gradient:${name}`;
const sharedState = (name: string): string => `shared:${name}`;
export const scalarFeed = (name: string): string => `scalar:${name}`;
export const clipScalar = 'clip';
/** Name of an optimiser's scalar for a group of parameters. */
export const groupScalar = (name: string, group: string): string => (group === '' ? name : `${name}@${group}`);

/** Name of a state tensor in `updateGraph`, which knows one parameter. */
export const slotName = (slot: string, name = 'parameter'): string => (slot === 'parameter' ? name : `${slot}:${name}`);

export function buildTrainingStep(name: string, objective: Objective, options: StepOptions): TrainingStep {
  const all = closeGraph(name, { loss: objective.loss }).parameters;
  const trained = all.filter((p) => options.trains?.(p.attrs.name) ?? true);
  const gradients = grad(objective.loss, trained, { recompute: options.recompute });
  const averaged = options.accumulate > 1 ? gradients.map((g, i) => addPart(g, trained[i]!, options)) : gradients;
  const metrics = prefixed('metric:', { loss: objective.loss, ...objective.metrics });
  const sums = Object.fromEntries(trained.map((p, i) => [gradientSum(p.attrs.name), averaged[i]!]));
  const norm = globalNorm(averaged);
  const factor = options.clipNorm === undefined ? undefined : clipFactor(norm, options.clipNorm);
  const clipped = averaged.map((g) => (factor ? mul(g, factor) : g));
  const { outputs, state } = updates(trained, clipped, options);
  const results = options.updatesApart ? { ...sums, ...(factor && { [scalarFeed(clipScalar)]: factor }) } : outputs;
  return {
    apply: simplify(closeGraph(`${name}-apply`, { ...results, 'metric:gradientNorm': norm, ...metrics })),
    gather: options.accumulate > 1 ? simplify(closeGraph(`${name}-gather`, { ...sums, ...metrics })) : undefined,
    state,
    frozen: all.filter((p) => !trained.includes(p)),
  };
}

function prefixed(prefix: string, values: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).map(([k, v]) => [prefix + k, v]));
}

function addPart(gradient: Value, p: Value<'parameter'>, { accumulate }: StepOptions): Value {
  return add(input(gradientSum(p.attrs.name), p.dtype, p.shape), mul(gradient, 1 / accumulate));
}

/** Global norm over all gradients. */
export function globalNorm(gradients: readonly Value[]): Value {
  return sqrt(gradients.map((g) => sum(mul(g, g))).reduce((a, b) => add(a, b)));
}

/** The factor by which torch.nn.utils.clip_grad_norm_ scales every gradient. */
export function clipFactor(norm: Value, maxNorm: number): Value {
  return minimum(div(maxNorm, add(norm, 1e-6)), 1);
}

function updates(
  trained: readonly Value<'parameter'>[],
  clipped: readonly Value[],
  { optimizer, ema, decays = decaysAll, groupOf = () => '' }: StepOptions,
): { outputs: Record<string, Value>; state: StateTensor[] } {
  const { dtype } = clipped[0]!;
  const scalar = (name: string): Value => input(scalarFeed(name), dtype, []);
  const scalarsOf = (group: string): Scalars =>
    Object.fromEntries(Object.keys(optimizer.scalars(1, 1)).map((s) => [s, scalar(groupScalar(s, group))]));
  const shared = Object.fromEntries(
    Object.keys(optimizer.shared).map((s) => [s, parameter(sharedState(s), [], dtype)]),
  );
  const shapes = trained.map((p) => fixedShape(p.shape, `parameter ${p.attrs.name}`));
  const groups = trained.map((p) => groupOf(p.attrs.name));
  const operands = trained.map((p, i): Operand => {
    const slots = Object.entries(optimizer.slots(shapes[i]!)).map(([slot, { shape }]) => [
      slot,
      parameter(`${slot}:${p.attrs.name}`, shape, dtype),
    ]);
    return {
      parameter: p,
      gradient: clipped[i]!,
      slots: Object.fromEntries(slots),
      decays: decays(p.attrs.name, shapes[i]!),
    };
  });
  const next = updatesByGroup(optimizer, operands, { groups, scalarsOf, shared });
  const keep = scalar('emaKeep');
  const outputs: Record<string, Value> = {};
  const state: StateTensor[] = [];
  trained.forEach((p, i) => {
    const { name } = p.attrs;
    const shape = shapes[i]!;
    const update = next.updates[i]!;
    outputs[name] = update.parameter;
    state.push({ name, parameter: name, slot: 'parameter', shape, initial: 'task' });
    for (const [slot, declared] of Object.entries(optimizer.slots(shape))) {
      outputs[`${slot}:${name}`] = update.slots[slot]!;
      state.push({ name: `${slot}:${name}`, parameter: name, slot, ...declared });
    }
    if (ema) {
      const shadow = parameter(`ema:${name}`, p.shape, dtype);
      outputs[`ema:${name}`] = emaUpdate(shadow, update.parameter, keep);
      state.push({ name: `ema:${name}`, parameter: name, slot: 'ema', shape, initial: 'parameter' });
    }
  });
  for (const [slot, initial] of Object.entries(optimizer.shared)) {
    outputs[sharedState(slot)] = next.shared[slot]!;
    state.push({ name: sharedState(slot), parameter: '', slot, shape: [], initial });
  }
  return { outputs, state };
}

interface GroupedScalars {
  /** Of each operand. */
  readonly groups: readonly string[];
  scalarsOf(group: string): Scalars;
  readonly shared: Scalars;
}

/** Optimisers with state that all parameters share know one rate for all of them. */
function updatesByGroup(
  optimizer: Optimizer,
  operands: readonly Operand[],
  { groups, scalarsOf, shared }: GroupedScalars,
): ReturnType<Optimizer['update']> {
  const names = [...new Set(groups)];
  if (names.length <= 1) return optimizer.update(operands, scalarsOf(names[0] ?? ''), shared);
  const updates = operands.map((operand, i) => optimizer.update([operand], scalarsOf(groups[i]!), shared).updates[0]!);
  return { updates, shared };
}

/** The update of one parameter by an elementwise optimiser, clip and EMA included; its vectors stand for any length. */
export function updateGraph(options: StepOptions, decays: boolean): Graph {
  const [one, gradient] = [parameter('parameter', [1]), input('gradient', 'f32', [1])];
  const clipped = options.clipNorm === undefined ? gradient : mul(gradient, input(scalarFeed(clipScalar), 'f32', []));
  const all = { ...options, decays: () => decays, groupOf: undefined };
  return closeGraph('update', updates([one], [clipped], all).outputs);
}

/** Zeroed gradient sums, to start an accumulated step. */
export function zeroGradients(step: TrainingStep): Record<string, HostTensor> {
  const parameters = step.state.filter((s) => s.slot === 'parameter');
  return Object.fromEntries(parameters.map(({ parameter: p, shape }) => [gradientSum(p), zeros('f32', shape)]));
}
