/** Normalisations and softmax: statistics of lines by a kernel, the rest by element. */

import type { OpAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Emitter } from '../emitter.ts';
import { type Lines, scheduleStatistics } from '../kernels/statistics.ts';
import type { Planner } from '../planner.ts';
import type { PointwiseRule, RuleTable } from '../rule.ts';
import { around } from './movement.ts';

export type NormalisationOp = Extract<keyof OpAttrs, 'groupNorm' | 'layerNorm' | 'rmsNorm' | 'softmax' | 'logSoftmax'>;

/** Lines that follow each other in memory. */
function consecutive(v: Value, length: number, total: number, kind: Lines['kind'], eps: number): Lines {
  return {
    kind,
    eps,
    count: length === 0 ? 0 : total / length,
    length,
    contiguous: true,
    element: (e, line, i) => e.at(v.inputs[0]!, e.let(`${line} * ${length}u + ${i}`, 'i')),
  };
}

function prepare(p: Planner, v: Value, lines: Lines): void {
  p.prepare(v, [scheduleStatistics(p, lines)]);
}

/** The two numbers of a line. */
function statistics(e: Emitter, v: Value, line: string): [string, string] {
  const read = e.shader.read(e.prepared(v)[0]!);
  const at = e.let(line, 'i');
  return [e.let(`${read}(2u * ${at})`), e.let(`${read}(2u * ${at} + 1u)`)];
}

function lastAxis(p: Planner, v: Value, kind: Lines['kind'], eps: number): void {
  const length = p.shapeOf(v).at(-1)!;
  prepare(p, v, consecutive(v, length, p.elementsOf(v), kind, eps));
}

const softmaxOf = (
  exact: (x: string, top: string, total: string) => string,
): PointwiseRule<'softmax' | 'logSoftmax'> => ({
  kind: 'map',
  prepare: (p, v) => {
    const { outer, size, inner } = around(p.shapeOf(v), v.attrs.axis);
    prepare(p, v, {
      kind: 'exponentials',
      eps: 0,
      count: outer * inner,
      length: size,
      contiguous: inner === 1,
      element: (e, line, i) =>
        e.at(
          v.inputs[0]!,
          e.let(`(${line} / ${inner}u) * ${size * inner}u + ${line} % ${inner}u + ${i} * ${inner}u`, 'i'),
        ),
    });
  },
  write: (e, v, index) => {
    const { size, inner } = around(e.shapeOf(v), v.attrs.axis);
    const [top, total] = statistics(e, v, `(${index} / ${size * inner}u) * ${inner}u + ${index} % ${inner}u`);
    return exact(e.at(v.inputs[0]!, index), top, total);
  },
});

export const normalisationRules: RuleTable<NormalisationOp> = {
  groupNorm: {
    kind: 'map',
    prepare: (p, v) => {
      const { size: c, inner } = around(p.shapeOf(v), 1);
      const length = (c / v.attrs.groups) * inner;
      prepare(p, v, consecutive(v, length, p.elementsOf(v), 'moments', v.attrs.eps));
    },
    write: (e, v, index) => {
      const [x, weight, bias] = v.inputs as [Value, Value, Value];
      const { size: c, inner } = around(e.shapeOf(v), 1);
      const [mean, scale] = statistics(e, v, `${index} / ${(c / v.attrs.groups) * inner}u`);
      const channel = e.let(`(${index} / ${inner}u) % ${c}u`, 'c');
      return `(${e.at(x, index)} - ${mean}) * ${scale} * ${e.at(weight, channel)} + ${e.at(bias, channel)}`;
    },
  },
  layerNorm: {
    kind: 'map',
    prepare: (p, v) => lastAxis(p, v, 'moments', v.attrs.eps),
    write: (e, v, index) => {
      const [x, weight, bias] = v.inputs as [Value, Value, Value];
      const c = e.shapeOf(v).at(-1)!;
      const [mean, scale] = statistics(e, v, `${index} / ${c}u`);
      const channel = e.let(`${index} % ${c}u`, 'c');
      return `(${e.at(x, index)} - ${mean}) * ${scale} * ${e.at(weight, channel)} + ${e.at(bias, channel)}`;
    },
  },
  rmsNorm: {
    kind: 'map',
    prepare: (p, v) => lastAxis(p, v, 'squares', v.attrs.eps),
    write: (e, v, index) => {
      const [x, weight] = v.inputs as [Value, Value];
      const c = e.shapeOf(v).at(-1)!;
      const [scale] = statistics(e, v, `${index} / ${c}u`);
      return `${e.at(x, index)} * ${scale} * ${e.at(weight, e.let(`${index} % ${c}u`, 'c'))}`;
    },
  },
  softmax: softmaxOf((x, top, total) => `exp(${x} - ${top}) / ${total}`),
  logSoftmax: softmaxOf((x, top, total) => `${x} - ${top} - log(${total})`),
};
