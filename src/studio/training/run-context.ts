/** What the preparation of a run may use. */

import type { Backend } from '#engine/backend';
import type { RunFiles } from '#training/run-directory';

export interface RunContext {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly log: (message: string) => void;
  /** Told of what was asked for or given and is not used. */
  readonly warn: (message: string) => void;
  /** Whether the result is put beside the user's other models. */
  readonly install: boolean;
  /** Where models are looked for; results go to the first. */
  readonly modelRoots: readonly string[];
  /** Folder that paths in the configuration are relative to. */
  readonly root: string;
  /** Only a few steps are done to see what all would take: some of the pictures are enough, nothing is drawn. */
  readonly rehearsal?: boolean | undefined;
  /** Asks it to stop. */
  readonly signal?: AbortSignal | undefined;
}

/** The signal came while something was prepared that goes on from where it stopped. */
export class PreparationStopped extends Error {}
