/** What control units feed a denoiser whose graph has inputs for them (`#models/adjust`), call by call. */

import type { Feeds, Session } from '#engine/backend';

/** One prediction of a call: for all its images. */
export interface ControlledPass {
  /** Whether it is of what the picture should not show. */
  readonly negative: boolean;
}

export interface ControlledCall {
  /** The denoiser's own feeds; rows are passes, and in each its images. */
  readonly feeds: Feeds;
  readonly passes: readonly ControlledPass[];
  readonly images: number;
  /** Denoiser calls before this one. */
  readonly call: number;
  /** Noise level of the latents. */
  readonly sigma: number;
  readonly session: Session;
}

export interface StepControl {
  /** For the inputs that the denoiser's graph has beside its own. */
  feeds(call: ControlledCall): Promise<Feeds>;
}
