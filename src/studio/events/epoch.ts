import type { Database } from '../store/database.ts';
import { readValue, writeValue } from '../store/kept-values.ts';

const name = 'events.epoch';

/** Counts the starts of a studio, so that event ids grow over restarts. */
export function nextEpoch(db: Database): number {
  return db.transaction(() => {
    const last = readValue(db, name) as number | undefined;
    const epoch = last === undefined ? 0 : last + 1;
    writeValue(db, name, epoch);
    return epoch;
  });
}
