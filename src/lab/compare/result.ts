/** What a run of a comparison leaves. */

import type { RunSpec } from './plan.ts';

export interface DigitScore {
  readonly frechet: number;
  readonly precision: number;
  readonly recall: number;
  /** Share of each digit. */
  readonly shares: readonly number[];
  /** Total variation between these and the real digits' shares. */
  readonly imbalance: number;
}

export interface StackedScore {
  /** Of 1,000 */
  readonly covered: number;
  /** From an even spread, in nats. */
  readonly divergence: number;
}

export interface RunResult extends RunSpec {
  readonly steps: number;
  readonly batch: number;
  /** Multiplications of the training and of drawing one picture. */
  readonly training: number;
  readonly drawing: number;
  /** Of the training and of drawing all pictures: by the clock, and of the processor. */
  readonly seconds: { readonly training: Time; readonly drawing: Time };
  /** Mean of the loss over the last tenth of the steps. */
  readonly loss: number | undefined;
  /** Why there is nothing to score: the training left the finite numbers. */
  readonly diverged?: string | undefined;
  readonly digits?: DigitScore | undefined;
  readonly stacked?: StackedScore | undefined;
}

export interface Time {
  readonly clock: number;
  readonly processor: number;
}
