/** Every kind of work, and the rules by which the queue treats it. Who does it is a runner (`runners/`). */

import { type JobKind, jobKinds } from '#api/records/job-kinds';

export interface KindRules {
  /** Waits while the queue is paused. */
  readonly isHeld: boolean;
  /** Times the studio may die under a job before it is given up: it may be what kills it. */
  readonly maxInterruptions: number;
  /** Done jobs stay in the history. */
  readonly isKept: boolean;
}

export const kindRules = {
  picture: { isHeld: true, maxInterruptions: 3, isKept: true },
  upscale: { isHeld: true, maxInterruptions: 3, isKept: true },
  // Bytes from a line kill nobody.
  pull: { isHeld: false, maxInterruptions: Number.POSITIVE_INFINITY, isKept: true },
  // The reader of files is a process of its own.
  hash: { isHeld: false, maxInterruptions: Number.POSITIVE_INFINITY, isKept: false },
  training: { isHeld: true, maxInterruptions: 3, isKept: true },
  lab: { isHeld: true, maxInterruptions: 3, isKept: true },
  merge: { isHeld: true, maxInterruptions: 3, isKept: true },
  convert: { isHeld: true, maxInterruptions: 3, isKept: true },
  extract: { isHeld: true, maxInterruptions: 3, isKept: true },
} as const satisfies Record<JobKind, KindRules>;

export const heldKinds: readonly JobKind[] = jobKinds.filter((kind) => kindRules[kind].isHeld);
