/** Identifiers of jobs, pictures and models: sortable by creation time, safe in file names and URLs. */

import { randomInt } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford's base 32

export const idPattern = '[0-9a-hjkmnp-tv-z]{16}';

/** 16 characters: 9 of time in milliseconds (45 bits, until the year 3084), 7 random (35 bits). */
export function newId(now = Date.now()): string {
  let id = '';
  let time = Math.trunc(now);
  for (let i = 0; i < 9; i++) {
    id = alphabet[time % 32]! + id;
    time = Math.floor(time / 32);
  }
  for (let i = 0; i < 7; i++) id += alphabet[randomInt(32)]!;
  return id;
}
