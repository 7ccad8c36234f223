/** Steps that invocations of one workgroup take together. */

import type { Emitter } from '../emitter.ts';

/** Registers that one invocation folds in the first of two rounds. */
const SPAN = 16;

/**
 * Folds one register of every invocation into one for all, in two rounds: sixteen registers each, then what came of
 * them, which every invocation folds for itself. A barrier costs more than the reads that a tree of halves would save.
 * `combine` is WGSL over `a` and `b`; `width` is a multiple of 16. Returns the name of the result. All invocations must
 * get here, and once: the memory is not used again.
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
  const ends = width / SPAN;
  const result = e.variable(type);
  e.line(`${memory}[li] = ${value};`);
  e.line('workgroupBarrier();');
  e.block(`if (li < ${ends}u)`, () => {
    e.line(`${result} = ${memory}[li];`);
    e.line(
      `for (var i = li + ${ends}u; i < ${width}u; i += ${ends}u) { ${result} = ${combine(result, `${memory}[i]`)}; }`,
    );
    e.line(`${memory}[li] = ${result};`);
  });
  e.line('workgroupBarrier();');
  e.line(`${result} = ${memory}[0];`);
  e.line(`for (var i = 1u; i < ${ends}u; i++) { ${result} = ${combine(result, `${memory}[i]`)}; }`);
  return result;
}
