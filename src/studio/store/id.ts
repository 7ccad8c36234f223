/** Identifiers of jobs, pictures and models: sortable by creation time, safe in file names and URLs. */

import { randomInt } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford's base 32
const timeDigits = 9;

export const idPattern = '[0-9a-hjkmnp-tv-z]{16}';

/** Time in the latest id: each is greater than the one before, within a millisecond and when the clock is set back. */
let latest = 0;

/**
 * 16 characters: 9 of time in milliseconds (45 bits, until the year 3084), 7 random (35 bits).
 * @param at of something older than its id
 */
export function newId(at?: number): string {
  if (at === undefined) latest = Math.max(latest + 1, Date.now());
  let id = '';
  let time = Math.trunc(at ?? latest);
  for (let i = 0; i < timeDigits; i++) {
    id = alphabet[time % 32]! + id;
    time = Math.floor(time / 32);
  }
  for (let i = 0; i < 7; i++) id += alphabet[randomInt(32)]!;
  return id;
}

/** New ids will be greater than this one, whatever the clock says. */
export function followId(id: string): void {
  if (!new RegExp(`^${idPattern}$`).test(id)) return;
  let time = 0;
  for (const digit of id.slice(0, timeDigits)) time = time * 32 + alphabet.indexOf(digit);
  latest = Math.max(latest, time);
}
