/**
 * The optimiser's update as one pass over each parameter and its state, beside the session that makes the gradients:
 * one read and one write of every number, where the session would make a pass for each operation and hand copies of
 * all state back. The rule is the same graph (step.ts), rounded the same way.
 */

import type { HostTensor } from '#core/tensor';
import type { Backend, Feeds, FusedKernel } from '#engine/backend';
import {
  gradientSum,
  groupScalar,
  type StateTensor,
  type StepOptions,
  scalarFeed,
  slotName,
  updateGraph,
} from './step.ts';
import { decaysAll } from './weight-decay.ts';

/**
 * Turns `current` into the state after a step, in place. `results` holds what `apply` returned (gradients, clip factor) and the
 * scalars of the step.
 */
export type FusedUpdate = (
  state: readonly StateTensor[],
  current: ReadonlyMap<string, HostTensor>,
  results: Feeds,
) => void;

/** Undefined where the optimiser is not elementwise or the backend has no fused kernels. */
export function fusedUpdate(options: StepOptions, backend: Backend): FusedUpdate | undefined {
  if (!options.optimizer.elementwise) return undefined;
  const decaying = backend.fuse?.(updateGraph(options, true));
  const still = backend.fuse?.(updateGraph(options, false));
  if (!decaying || !still) return undefined;
  const decays = options.decays ?? decaysAll;
  return (state, current, results) => {
    const scalars = Object.entries(results).filter(([name]) => name.startsWith(scalarFeed('')));
    for (const [parameter, slots] of slotsByParameter(state)) {
      const kernel: FusedKernel = decays(parameter, current.get(parameter)!.shape) ? decaying : still;
      const own = Object.fromEntries(slots.map((slot) => [slotName(slot), current.get(slotName(slot, parameter))!]));
      const group = options.groupOf?.(parameter) ?? '';
      kernel.run({ ...ofGroup(scalars, group), ...own, gradient: results[gradientSum(parameter)]! }, own);
    }
  };
}

/** Scalars of a group under their plain names, and those of all groups. */
function ofGroup(scalars: readonly (readonly [string, HostTensor])[], group: string): Record<string, HostTensor> {
  const ending = groupScalar('', group);
  const own = scalars.map(([name, value]) => [
    ending !== '' && name.endsWith(ending) ? name.slice(0, -ending.length) : name,
    value,
  ]);
  return Object.fromEntries(own) as Record<string, HostTensor>;
}

function slotsByParameter(state: readonly StateTensor[]): ReadonlyMap<string, string[]> {
  const slots = new Map<string, string[]>();
  for (const s of state) slots.set(s.parameter, [...(slots.get(s.parameter) ?? []), s.slot]);
  return slots;
}
