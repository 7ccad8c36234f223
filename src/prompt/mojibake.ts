/**
 * Mojibake: UTF-8 that was read as Windows-1252 or Latin-1 (`cafÃ©`, `itâ€™s`), and C1 control characters that were
 * Windows-1252's. A text is put right as a whole where all of it is such UTF-8 and something in it is nothing else;
 * otherwise only the runs that are nothing else. Twice encoded text takes two rounds.
 */

/** Windows-1252's characters for the bytes 80 to 9f; the five unassigned bytes stand for themselves. */
const UPPER_CONTROLS =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

const BYTES = new Map(Array.from(UPPER_CONTROLS, (character, i) => [character, 0x80 + i]));

const mostRounds = 4;

export function repairMojibake(text: string): string {
  let repaired = text;
  for (let round = 0; round < mostRounds; round++) {
    const next = repairOnce(repaired);
    if (next === repaired) break;
    repaired = next;
  }
  return repaired.replace(/[\x80-\x9f]/gu, (control) => UPPER_CONTROLS[control.codePointAt(0)! - 0x80]!);
}

/** One byte of UTF-8 each: what continues a character, as either table reads it. */
const CONTINUATION = `[\\x80-\\xbf${UPPER_CONTROLS}]`;
const SEQUENCE = new RegExp(
  `[\\xc2-\\xdf]${CONTINUATION}|[\\xe0-\\xef]${CONTINUATION}{2}|[\\xf0-\\xf4]${CONTINUATION}{3}`,
  'gu',
);
const NOT_ASCII = /[^\0-\x7f]/u;

function repairOnce(text: string): string {
  if (!NOT_ASCII.test(text)) return text;
  const sequences = text.match(SEQUENCE) ?? [];
  if (!sequences.some(isTelling)) return text;
  const whole = !NOT_ASCII.test(text.replace(SEQUENCE, ''));
  return text.replace(SEQUENCE, (sequence) =>
    whole || isTelling(sequence) ? (decoded(sequence) ?? sequence) : sequence,
  );
}

/** What may follow a capital letter in good text: dashes, dots, quotes, marks of rights, space. */
const AFTER_LETTERS = /[\u2013\u2014\u2026\u2018\u2019\u201c\u201d\u2039\u203a\xab\xbb\xa0\xad\xb7\xae\u2122\xa9]/u;

/** Whether a run can hardly be anything but misread UTF-8. */
function isTelling(sequence: string): boolean {
  const letter = decoded(sequence);
  if (letter === undefined) return false;
  // Three or four of these in a row are no spelling; A with circumflex or tilde before a sign is Latin-1 in UTF-8.
  if (sequence.length > 2 || /^[\xc2\xc3]/u.test(sequence)) return true;
  return !AFTER_LETTERS.test(sequence[1]!) && /\p{L}/u.test(letter);
}

/** The character that a run's bytes are in UTF-8; undefined for overlong or impossible ones. */
function decoded(sequence: string): string | undefined {
  const [lead, ...rest] = Array.from(sequence, (c) => BYTES.get(c) ?? c.codePointAt(0)!) as [number, ...number[]];
  let code = lead & (0xff >> (rest.length + 2));
  for (const byte of rest) code = (code << 6) | (byte & 0x3f);
  const least = [0x80, 0x800, 0x10000][rest.length - 1]!;
  const impossible = code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
  return impossible ? undefined : String.fromCodePoint(code);
}
