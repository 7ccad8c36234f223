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
}
