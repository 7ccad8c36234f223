/**
 * Layers: an op with its parameters, named and initialised as in PyTorch.
 *
 * Defaults of torch.nn.Linear and Conv2d: weight and bias uniform on +-1/sqrt(fan in), which is Kaiming's rule with
 * a = sqrt(5) (He et al. 2015, arXiv:1502.01852).
 */

import { InternalError } from '#core/errors';
import * as g from '#graph/build';
import type { Padding } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Initializer, Scope } from './scope.ts';

export const zeros: Initializer = { kind: 'zeros' };
const ones: Initializer = { kind: 'ones' };
export const normal = (std: number): Initializer => ({ kind: 'normal', std });

/** The size of a fixed axis: channels and widths are never symbolic. */
export function fixedAxis(x: Value, axis: number): number {
  const size = x.shape.at(axis);
  if (typeof size !== 'number') throw new InternalError(`axis ${axis} of a ${x.op} must be fixed, got ${size}`);
  return size;
}

export interface AffineInit {
  /** Default: uniform on +-1/sqrt(fan in). */
  readonly weight?: Initializer;
  readonly bias?: Initializer;
}

/** Both zero: a residual branch that starts as the identity. */
export const zeroInit: AffineInit = { weight: zeros, bias: zeros };

export interface LinearOptions {
  readonly bias?: boolean;
  readonly init?: AffineInit | undefined;
}

/** [..., in] -> [..., out] */
export function linear(scope: Scope, x: Value, out: number, { bias = true, init = {} }: LinearOptions = {}): Value {
  const fanIn = fixedAxis(x, -1);
  const standard: Initializer = { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) };
  const weight = scope.parameter('weight', [out, fanIn], init.weight ?? standard);
  return g.linear(x, weight, bias ? scope.parameter('bias', [out], init.bias ?? standard) : undefined);
}

export interface ConvOptions {
  readonly kernel: number;
  readonly stride?: number;
  /** Default: half the kernel on every side. */
  readonly padding?: number | Padding;
  readonly bias?: boolean;
  readonly init?: AffineInit | undefined;
}

/** [b, in, h, w] -> [b, out, h', w'] */
export function conv(
  scope: Scope,
  x: Value,
  out: number,
  { kernel, stride = 1, padding = kernel >> 1, bias = true, init = {} }: ConvOptions,
): Value {
  const channels = fixedAxis(x, 1);
  const standard: Initializer = { kind: 'uniform', bound: 1 / Math.sqrt(channels * kernel * kernel) };
  const weight = scope.parameter('weight', [out, channels, kernel, kernel], init.weight ?? standard);
  const offset = bias ? scope.parameter('bias', [out], init.bias ?? standard) : undefined;
  return g.conv2d(x, weight, offset, { stride, padding });
}

/** [b, c, ...] normalised over groups of channels. */
export function groupNorm(scope: Scope, x: Value, groups: number, eps: number): Value {
  const channels = fixedAxis(x, 1);
  const weight = scope.parameter('weight', [channels], ones);
  return g.groupNorm(x, weight, scope.parameter('bias', [channels], zeros), groups, eps);
}

/** [..., c] normalised over its last axis. */
export function layerNorm(scope: Scope, x: Value, eps = 1e-5): Value {
  const width = fixedAxis(x, -1);
  const weight = scope.parameter('weight', [width], ones);
  return g.layerNorm(x, weight, scope.parameter('bias', [width], zeros), eps);
}

/** Rows of a table: ids [...] -> [..., width] */
export function embedding(scope: Scope, ids: Value, rows: number, width: number, std = 0.02): Value {
  return g.gather(scope.parameter('weight', [rows, width], normal(std)), ids, 0);
}
