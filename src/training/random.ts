/** The randomness of a training run: one seeded stream whose state is saved with every checkpoint. */

export interface RandomSource {
  /** On [0, 1). */
  uniform(): number;
  /** Mean 0, variance 1. */
  normal(): number;
  /** A whole number on [0, below). */
  integer(below: number): number;
  /** Fills with standard normal values. */
  fillNormal(out: Float32Array): Float32Array;
  /** JSON-serialisable state; `restore` continues the stream exactly. */
  save(): unknown;
  restore(state: unknown): void;
}
