import type { Database } from '../store/database.ts';

/** Counts the starts of a studio, so that event ids grow over restarts. */
export function nextEpoch(db: Database): number {
  return db.transaction(() => {
    const row = db.get<{ value: string }>("SELECT value FROM settings WHERE name = 'events.epoch'");
    const epoch = row ? Number(row.value) + 1 : 0;
    db.run(
      `INSERT INTO settings (name, value) VALUES ('events.epoch', ?)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      [String(epoch)],
    );
    return epoch;
  });
}
