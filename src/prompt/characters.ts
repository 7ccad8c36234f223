/**
 * Character classes of the prompt language, which Python's `re` and `str.strip` define.
 *
 * JavaScript's own differ: `\s` takes U+FEFF and leaves out U+001C-U+001F and U+0085, `\w` and `\b` know ASCII only.
 * The strings are for use inside `[...]` with the `u` flag.
 */

export const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

export const WORD = '\\p{L}\\p{N}_';

const LEADING = new RegExp(`^[${SPACE}]+`, 'u');
const ONLY_SPACE = new RegExp(`^[${SPACE}]*$`, 'u');

export function trimSpace(text: string): string {
  return trimSpaceEnd(trimSpaceStart(text));
}

export function trimSpaceStart(text: string): string {
  return text.replace(LEADING, '');
}

/** Walks back from the end: a pattern such as `\s+$` retries at every space and takes quadratic time. */
export function trimSpaceEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ONLY_SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** A pattern for a word that stands alone, as `\bword\b` does. */
export function standaloneWord(word: string): string {
  return `(?<![${WORD}])${word}(?![${WORD}])`;
}

/** Marks that follow each other; Unicode's own bound for streams is 30 (UAX 15, D3). */
const LONG_RUN = /\p{M}{500}/u;
const WITH_MARKS = /\P{M}*\p{M}{0,500}/gu;

/**
 * NFC. Marks are put in order by insertion, in time that grows with the square of how many follow one letter; so many
 * that no writing has them are put in order 500 at a time.
 */
export function composed(text: string): string {
  if (!LONG_RUN.test(text)) return text.normalize('NFC');
  return text.replace(WITH_MARKS, (piece) => piece.normalize('NFC'));
}
