/** NaN and infinity are found where they first appear, not seen as a black picture at the end. */

import { DarkroomError } from '#core/errors';

/** Thrown when a part's output holds NaN or infinity. */
export class NonFiniteError extends DarkroomError {
  /** Component whose network gave it. */
  readonly component: string;

  constructor(component: string, doing: string) {
    super('engine.non-finite', `The ${component} gave values that are not numbers (NaN) while ${doing}.`);
    this.component = component;
  }
}

/** @throws NonFiniteError */
export function checkFinite(values: Float32Array | Float64Array, component: string, doing: string): void {
  // A sum is finite only where all terms are: float64 does not overflow on float32's values.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  if (!Number.isFinite(sum)) throw new NonFiniteError(component, doing);
}
