/** Numbers in flags and arguments. */

import { UsageError } from './usage-error.ts';

/** @throws UsageError `flag.number` naming the flag and its bounds */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^-?\d+$/.test(text.trim()) && value >= least && value <= most) return value;
  throw new UsageError(
    'flag.number',
    `${flag} must be a whole number from ${least} to ${most}; got ${JSON.stringify(text)}.`,
  );
}
