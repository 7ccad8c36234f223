/** A compute shader over places, and how many workgroups of it run. */

import type { Place } from './place.ts';
import type { Binding, DeviceTraits } from './shader.ts';

export type Workgroups = readonly [number, number, number];

export interface KernelText {
  readonly code: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: Workgroups;
}

export interface Kernel extends KernelText {
  readonly label: string;
  /** The same result in simpler text, for devices that do not compile the first or compute it wrongly. */
  readonly plain?: () => KernelText;
}

/** A grid of `count` workgroups; `index` is the WGSL expression of a workgroup's number. */
export function gridOf(count: number, traits: DeviceTraits): { workgroups: Workgroups; index: string } {
  const most = traits.workgroupsPerDimension;
  if (count <= most) return { workgroups: [count, 1, 1], index: 'w.x' };
  const rows = Math.ceil(count / most);
  const width = Math.ceil(count / rows);
  return { workgroups: [width, rows, 1], index: `(w.y * ${width}u + w.x)` };
}

/** Places in the order of first use. */
export function placesOf(kernels: readonly KernelText[]): Place[] {
  return [...new Set(kernels.flatMap((k) => k.bindings.map((b) => b.place)))];
}
