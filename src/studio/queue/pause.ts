/** Whether the queue is paused, kept with the settings so that a restart does not let it go. */

import type { Database } from '../store/database.ts';

export interface PauseState {
  readonly paused: boolean;
  readonly reason?: string;
}

const name = 'queue.pause';

export function readPause(db: Database): PauseState {
  const row = db.get<{ value: string }>('SELECT value FROM settings WHERE name = ?', [name]);
  return row ? (JSON.parse(row.value) as PauseState) : { paused: false };
}

export function writePause(db: Database, state: PauseState): void {
  db.run('INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', [
    name,
    JSON.stringify(state),
  ]);
}
