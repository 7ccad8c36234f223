/**
 * Two numbers for each line of a tensor, in f32 whatever the tensor is stored as: mean and 1/sqrt(variance + eps) of a
 * normalisation, 1/sqrt(mean square + eps), or maximum and sum of exponentials of a softmax. What follows from them is
 * pointwise. The variance is taken around the mean, in a second reading; parts of long lines are joined by the rule of
 * Chan, Golub & LeVeque (1983), equation 2.1.
 */

import type { Emitter } from '../emitter.ts';
import { gridOf, type Kernel } from '../kernel.ts';
import { literal } from '../literal.ts';
import type { Place } from '../place.ts';
import type { Planner } from '../planner.ts';
import { Shader } from '../shader.ts';
import { foldWorkgroup } from './workgroup.ts';

export type Statistic = 'moments' | 'squares' | 'exponentials';

export interface Lines {
  readonly kind: Statistic;
  readonly eps: number;
  readonly count: number;
  readonly length: number;
  /** Element `i` of a line. */
  readonly element: (e: Emitter, line: string, i: string) => string;
  readonly contiguous: boolean;
}

const WIDTH = 256;
const NARROW = 64;
const SHORT = 24;
const LONG = 65_536;
const FEW = 256;

/** Adds the kernels; the result holds two numbers for each line. */
export function scheduleStatistics(p: Planner, lines: Lines): Place {
  const place = p.scratch(lines.count * 2);
  if (lines.count === 0) return place;
  if (lines.kind === 'moments' && lines.length > LONG && lines.count < FEW) p.add(...momentsInParts(p, lines, place));
  else if (lines.length < SHORT || (!lines.contiguous && lines.count >= 4 * NARROW))
    p.add(byInvocation(p, lines, place));
  else p.add(byWorkgroup(p, lines, place));
  return place;
}

/** How an invocation folds what it sees of a line into one number for all of them. */
type Folding = (label: 'sum' | 'max', each: (i: string) => string) => string;

function writeStatistics(e: Emitter, { kind, eps, length, element }: Lines, line: string, fold: Folding) {
  const at = (i: string): string => element(e, line, i);
  const n = `${length}.0`;
  if (kind === 'squares') {
    const squares = fold('sum', (i) => square(at(i)));
    return { first: e.let(`1.0 / sqrt(${squares} / ${n} + ${literal(eps, 'f32')})`), second: '0.0' };
  }
  if (kind === 'moments') {
    const mean = e.let(`${fold('sum', at)} / ${n}`);
    const spread = fold('sum', (i) => square(`(${at(i)} - ${mean})`));
    return { first: mean, second: e.let(`1.0 / sqrt(${spread} / ${n} + ${literal(eps, 'f32')})`) };
  }
  const top = fold('max', at);
  return { first: top, second: fold('sum', (i) => `exp(${at(i)} - ${top})`) };
}

const square = (x: string): string => `${x} * ${x}`;
const combine = { sum: (a: string, b: string) => `${a} + ${b}`, max: (a: string, b: string) => `max(${a}, ${b})` };
const start = { sum: '0.0', max: literal(Math.fround(-3.4028234663852886e38), 'f32') };

function foldRange(e: Emitter, label: 'sum' | 'max', each: (i: string) => string, range: Range): string {
  const total = e.variable('f32', start[label]);
  e.block(`for (var i = ${range.from}; i < ${range.to}; i += ${range.step}u)`, () => {
    e.line(`${total} = ${combine[label](total, each('i'))};`);
  });
  return total;
}

interface Range {
  readonly from: string;
  readonly to: string;
  readonly step: number;
}

function store(e: Emitter, place: Place, line: string, { first, second }: { first: string; second: string }): void {
  const write = e.shader.write(place);
  e.line(`${write}(2u * ${line}, ${first});`);
  e.line(`${write}(2u * ${line} + 1u, ${second});`);
}

function byInvocation(p: Planner, lines: Lines, place: Place): Kernel {
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const { workgroups, index } = gridOf(Math.ceil(lines.count / NARROW), p.traits);
  e.line(`let line = ${index} * ${NARROW}u + li;`);
  e.line(`if (line >= ${lines.count}u) { return; }`);
  const whole: Range = { from: '0u', to: `${lines.length}u`, step: 1 };
  store(
    e,
    place,
    'line',
    writeStatistics(e, lines, 'line', (label, each) => foldRange(e, label, each, whole)),
  );
  return { label: lines.kind, code: shader.text(e.body, [NARROW, 1, 1]), bindings: shader.bindings, workgroups };
}

function byWorkgroup(p: Planner, lines: Lines, place: Place): Kernel {
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const width = lines.length <= 4 * NARROW ? NARROW : WIDTH;
  const { workgroups, index } = gridOf(lines.count, p.traits);
  e.line(`let line = ${index};`);
  e.line(`if (line >= ${lines.count}u) { return; }`);
  const whole: Range = { from: 'li', to: `${lines.length}u`, step: width };
  const fold: Folding = (label, each) => together(e, label, foldRange(e, label, each, whole), width);
  const result = writeStatistics(e, lines, 'line', fold);
  e.block('if (li == 0u)', () => store(e, place, 'line', result));
  return { label: lines.kind, code: shader.text(e.body, [width, 1, 1]), bindings: shader.bindings, workgroups };
}

function together(e: Emitter, label: 'sum' | 'max', value: string, width: number): string {
  return foldWorkgroup(e, { type: 'f32', value, width, combine: combine[label] });
}

/** Mean and sum of squared deviations of every part, then of the line. */
function momentsInParts(p: Planner, lines: Lines, place: Place): Kernel[] {
  const parts = Math.min(Math.ceil(lines.length / (32 * WIDTH)), 256);
  const each = Math.ceil(lines.length / parts);
  const partial = p.scratch(lines.count * parts * 2);
  return [partialMoments(p, lines, partial, parts, each), joinMoments(p, lines, { partial, parts, each, place })];
}

function partialMoments(p: Planner, lines: Lines, partial: Place, parts: number, each: number): Kernel {
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const { workgroups, index } = gridOf(lines.count * parts, p.traits);
  e.line(`let part = ${index};`);
  e.line(`if (part >= ${lines.count * parts}u) { return; }`);
  e.line(`let line = part / ${parts}u;`);
  e.line(`let begin = (part % ${parts}u) * ${each}u;`);
  e.line(`let end = min(begin + ${each}u, ${lines.length}u);`);
  const range: Range = { from: e.let('begin + li', 'i'), to: 'end', step: WIDTH };
  const fold = (f: (i: string) => string): string => together(e, 'sum', foldRange(e, 'sum', f, range), WIDTH);
  // A last part may be empty.
  const mean = e.let(`${fold((i) => lines.element(e, 'line', i))} / max(f32(end) - f32(begin), 1.0)`);
  const spread = fold((i) => square(`(${lines.element(e, 'line', i)} - ${mean})`));
  e.block('if (li == 0u)', () => store(e, partial, 'part', { first: mean, second: spread }));
  return { label: 'moments in parts', code: shader.text(e.body, [WIDTH, 1, 1]), bindings: shader.bindings, workgroups };
}

function joinMoments(
  p: Planner,
  lines: Lines,
  { partial, parts, each, place }: { partial: Place; parts: number; each: number; place: Place },
): Kernel {
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const read = shader.read(partial);
  const { workgroups, index } = gridOf(Math.ceil(lines.count / NARROW), p.traits);
  e.line(`let line = ${index} * ${NARROW}u + li;`);
  e.line(`if (line >= ${lines.count}u) { return; }`);
  e.line('var mean = 0.0; var spread = 0.0; var n = 0.0;');
  e.block(`for (var k = 0u; k < ${parts}u; k++)`, () => {
    e.line(`let count = f32(min(${each}u, ${lines.length}u - min(k * ${each}u, ${lines.length}u)));`);
    e.line('if (count == 0.0) { continue; }');
    e.line(`let other = ${read}(2u * (line * ${parts}u + k));`);
    e.line('let delta = other - mean; let total = n + count;');
    e.line(`spread += ${read}(2u * (line * ${parts}u + k) + 1u) + delta * delta * n * count / total;`);
    e.line('mean += delta * count / total; n = total;');
  });
  const second = e.let(`1.0 / sqrt(spread / ${lines.length}.0 + ${literal(lines.eps, 'f32')})`);
  store(e, place, 'line', { first: 'mean', second });
  return { label: 'moments', code: shader.text(e.body, [NARROW, 1, 1]), bindings: shader.bindings, workgroups };
}
