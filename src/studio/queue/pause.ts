/** Whether the queue is paused, kept with the settings so that a restart does not let it go. */

import type { Database } from '../store/database.ts';
import { readValue, writeValue } from '../store/kept-values.ts';

export interface PauseState {
  readonly paused: boolean;
  readonly reason?: string;
}

const name = 'queue.pause';

export function readPause(db: Database): PauseState {
  return (readValue(db, name) as PauseState | undefined) ?? { paused: false };
}

export function writePause(db: Database, state: PauseState): void {
  writeValue(db, name, state);
}
