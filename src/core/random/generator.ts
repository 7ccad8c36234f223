/** What every seeded generator of noise offers, whichever stream it reproduces. */

import { InternalError } from '../errors.ts';
import { type Shape, sizeOf } from '../tensor.ts';

export interface NoiseGenerator {
  /** Standard normal values in row-major order: the next draw of the stream. */
  randn(shape: Shape): Float32Array;
  /** JSON-serialisable state. */
  save(): GeneratorState;
  /** Continues the stream exactly where `save` was called; the state must come from the same kind of generator. */
  restore(state: unknown): void;
}

/** Saved state: `kind` names the stream, the rest is its own. */
export interface GeneratorState {
  readonly kind: string;
}

/** Number of elements asked for; shapes of noise are small, so that a count beyond 2^31 is a mistake. */
export function drawLength(shape: Shape): number {
  const n = sizeOf(shape);
  if (!Number.isInteger(n) || n < 0 || n > 2 ** 31) {
    throw new InternalError(`noise of shape [${shape}] has ${n} elements; expected a count from 0 to 2^31`);
  }
  return n;
}

/** Checks that a saved state belongs to `kind` before its fields are read. */
export function stateOf<S extends GeneratorState>(state: unknown, kind: S['kind']): S {
  const found = (state as GeneratorState | null | undefined)?.kind;
  if (found !== kind) {
    throw new InternalError(`generator state of kind ${JSON.stringify(found)} cannot continue a ${kind} stream`);
  }
  return state as S;
}
