/**
 * Folds of many elements into one. A line is what goes into one result: `index(line, i)` names its i-th element.
 * Few long lines are cut into parts that are folded by workgroups of their own, and the parts are folded again.
 */

import type { Emitter } from '../emitter.ts';
import { gridOf, type Kernel } from '../kernel.ts';
import type { Place } from '../place.ts';
import type { Planner } from '../planner.ts';
import { Shader } from '../shader.ts';
import { foldWorkgroup } from './workgroup.ts';

export interface Fold {
  readonly label: string;
  /** WGSL type of the folded register. */
  readonly type: 'f32' | 'i32' | 'u32';
  readonly lines: number;
  readonly length: number;
  /** Element `i` of a line. */
  readonly element: (e: Emitter, line: string, i: string) => string;
  readonly combine: (a: string, b: string) => string;
  /** What an empty line gives; other lines start with their first element. */
  readonly empty: string;
  /** Neighbouring elements of a line are neighbours in memory. */
  readonly contiguous: boolean;
  /** Stores the result of a line. */
  readonly store: (e: Emitter, line: string, result: string) => void;
}

const WIDTH = 256;
const NARROW = 64;
/** Lines shorter than this are folded by one invocation each. */
const SHORT = 48;
const LONG = 32_768;
const FEW = 256;

export function foldKernels(p: Planner, fold: Fold): Kernel[] {
  if (fold.lines === 0) return [];
  if (fold.length > LONG && fold.lines < FEW) return inParts(p, fold);
  const alone = fold.length < SHORT || (!fold.contiguous && fold.lines >= 4 * WIDTH);
  return [alone ? byInvocation(p, fold) : byWorkgroup(p, fold)];
}

function byInvocation(p: Planner, fold: Fold): Kernel {
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const { workgroups, index } = gridOf(Math.ceil(fold.lines / NARROW), p.traits);
  e.line(`let line = ${index} * ${NARROW}u + li;`);
  e.line(`if (line >= ${fold.lines}u) { return; }`);
  fold.store(e, 'line', foldRange(e, fold, 'line', '0u', `${fold.length}u`, 1));
  return { label: fold.label, code: shader.text(e.body, [NARROW, 1, 1]), bindings: shader.bindings, workgroups };
}

/** Folds every `step`-th element from `from` below `to`. */
function foldRange(e: Emitter, fold: Fold, line: string, from: string, to: string, step: number): string {
  const total = e.variable(fold.type, fold.empty);
  const any = e.variable('bool', 'false');
  e.block(`for (var i = ${from}; i < ${to}; i += ${step}u)`, () => {
    const value = fold.element(e, line, 'i');
    e.line(`${total} = select(${value}, ${fold.combine(total, value)}, ${any});`);
    e.line(`${any} = true;`);
  });
  return total;
}

function byWorkgroup(p: Planner, fold: Fold): Kernel {
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const width = fold.length <= 4 * NARROW ? NARROW : WIDTH;
  const { workgroups, index } = gridOf(fold.lines, p.traits);
  e.line(`let line = ${index};`);
  e.line(`if (line >= ${fold.lines}u) { return; }`);
  const result = foldTogether(e, fold, 'line', '0u', `${fold.length}u`, width);
  e.block('if (li == 0u)', () => fold.store(e, 'line', result));
  return { label: fold.label, code: shader.text(e.body, [width, 1, 1]), bindings: shader.bindings, workgroups };
}

/** Invocations without elements repeat the first one where that changes nothing, and hold `empty` otherwise. */
function foldTogether(e: Emitter, fold: Fold, line: string, from: string, to: string, width: number): string {
  const own = foldRange(e, fold, line, e.let(`${from} + li`, 'i'), to, width);
  return foldWorkgroup(e, { type: fold.type, value: own, width, combine: fold.combine });
}

function inParts(p: Planner, fold: Fold): Kernel[] {
  const parts = Math.min(Math.ceil(fold.length / (16 * WIDTH)), 1024);
  const each = Math.ceil(fold.length / parts);
  const partial: Place = p.scratch(fold.lines * parts);
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const { workgroups, index } = gridOf(fold.lines * parts, p.traits);
  e.line(`let part = ${index};`);
  e.line(`if (part >= ${fold.lines * parts}u) { return; }`);
  e.line(`let line = part / ${parts}u;`);
  e.line(`let begin = (part % ${parts}u) * ${each}u;`);
  e.line(`let end = min(begin + ${each}u, ${fold.length}u);`);
  const result = foldTogether(e, fold, 'line', 'begin', 'end', WIDTH);
  e.block('if (li == 0u)', () => e.line(`${shader.write(partial)}(part, f32(${result}));`));
  const first: Kernel = {
    label: `${fold.label} in parts`,
    code: shader.text(e.body, [WIDTH, 1, 1]),
    bindings: shader.bindings,
    workgroups,
  };
  const rest: Fold = {
    ...fold,
    length: parts,
    contiguous: true,
    element: (f, line, i) => f.let(`${fold.type}(${f.shader.read(partial)}(${line} * ${parts}u + ${i}))`),
  };
  return [first, byWorkgroup(p, rest)];
}
