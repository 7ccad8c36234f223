/** Steps that invocations of one workgroup take together. */

import type { Emitter } from '../emitter.ts';

/**
 * Folds one register of every invocation into one for all: a tree in workgroup memory. `combine` is WGSL over `a` and
 * `b`. Returns the name of the result. All invocations must get here.
 */
export function foldWorkgroup(
  e: Emitter,
  {
    type,
    value,
    width,
    combine,
  }: { type: string; value: string; width: number; combine: (a: string, b: string) => string },
): string {
  const memory = e.shader.workgroupArray(type, width);
  e.line(`${memory}[li] = ${value};`);
  e.line('workgroupBarrier();');
  e.block(`for (var half = ${width / 2}u; half > 0u; half = half >> 1u)`, () => {
    e.line(`if (li < half) { ${memory}[li] = ${combine(`${memory}[li]`, `${memory}[li + half]`)}; }`);
    e.line('workgroupBarrier();');
  });
  const result = e.let(`${memory}[0]`);
  // The memory may be used again.
  e.line('workgroupBarrier();');
  return result;
}
