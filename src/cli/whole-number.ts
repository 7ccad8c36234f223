/** Numbers in flags and arguments. */

import { UserError } from '#core/errors';

/** @throws UserError `flag.number` naming the flag and its bounds */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^-?\d+$/.test(text.trim()) && value >= least && value <= most) return value;
  throw new UserError(
    'flag.number',
    `${flag} must be a whole number from ${least} to ${most}; got ${JSON.stringify(text)}.`,
  );
}
