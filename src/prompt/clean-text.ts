/**
 * What is done to text before it is tokenised, so that what phones and word processors type reads like what the text
 * encoder was trained on: straight quotes, plain widths, no ligatures, no entities, no control characters, NFC, and
 * text that was decoded with the wrong table put right.
 *
 * CLIP's own tokenizer runs the library ftfy (R. Speer, 2019, "ftfy: fixes text for you") for this; the classes of
 * repair and their order are those of its `fix_text`. Mojibake is found by a rule of our own for what Windows-1252 and
 * Latin-1 make of UTF-8, the usual case by far. Left out: other wrong tables, bytes that were lost on the way, names of
 * entities beyond HTML 4.
 */

import { composed } from './characters.ts';
import { HTML_ENTITIES } from './html-entities.ts';
import { repairMojibake } from './mojibake.ts';

/** Repeated until nothing changes, as one repair can uncover the next; each is idempotent but for nested entities. */
const mostPasses = 8;

/** Line by line: an angle bracket means markup from its line on, where entities are meant as they stand. */
export function cleanText(text: string): string {
  if (/^[\n\x20-\x25\x27-\x7e]*$/u.test(text)) return text;
  let unescapes = true;
  const lines = text.match(/[^\n]*\n|[^\n]+$/gu) ?? [];
  return lines
    .map((line) => {
      unescapes &&= !line.includes('<');
      return cleanLine(line, unescapes);
    })
    .join('');
}

function cleanLine(line: string, unescapes: boolean): string {
  let text = line;
  for (let pass = 0; pass < mostPasses; pass++) {
    const before = text;
    if (unescapes) text = unescapeEntities(text);
    text = repairMojibake(text);
    text = plainLetters(text);
    text = text.replace(LINE_BREAK, '\n').replace(LONE_SURROGATE, '\ufffd');
    text = composed(text.replace(TERMINAL_ESCAPE, '').replace(CONTROL, ''));
    if (text === before) break;
  }
  return text;
}

const ENTITY = /&#?[0-9A-Za-z]{1,24};/gu;
const NUMERIC = /^&#(?:([0-9]+)|[xX]([0-9a-fA-F]+));$/u;

function unescapeEntities(text: string): string {
  return text.replace(ENTITY, (reference) => {
    const known = HTML_ENTITIES.get(reference);
    if (known !== undefined) return known;
    const [, decimal, hexadecimal] = NUMERIC.exec(reference) ?? [];
    if (decimal !== undefined) return characterOf(Number(decimal));
    return hexadecimal === undefined ? reference : characterOf(Number.parseInt(hexadecimal, 16));
  });
}

/** HTML's reading of a numeric reference; numbers that name no character are left out. */
function characterOf(code: number): string {
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
  if (code >= 0x80 && code <= 0x9f) return repairMojibake(String.fromCodePoint(code));
  const unassigned = code < 0x20 ? ![0x09, 0x0a, 0x0c, 0x0d].includes(code) : code === 0x7f;
  const never = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
  return unassigned || never ? '' : String.fromCodePoint(code);
}

const SINGLE_QUOTE = /[\u02bc\u2018-\u201b]/gu;
const DOUBLE_QUOTE = /[\u201c-\u201f]/gu;
/** Of Latin letters; typographic and national. */
const LIGATURE = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/gu;
/** Half- and fullwidth forms, and the ideographic space. */
const WIDTH = /[\u3000\uff01-\uffef]/gu;

function plainLetters(text: string): string {
  return text
    .replace(LIGATURE, unligated)
    .replace(WIDTH, (character) => character.normalize('NFKC'))
    .replace(DOUBLE_QUOTE, '"')
    .replace(SINGLE_QUOTE, "'");
}

/** Compatibility forms are the letters, but that ſt keeps its long s. */
function unligated(ligature: string): string {
  return ligature === '\ufb05' ? '\u017ft' : ligature.normalize('NFKC');
}

const LINE_BREAK = /\r\n|[\r\u2028\u2029\u0085]/gu;
const LONE_SURROGATE = /\p{Surrogate}/gu;
const TERMINAL_ESCAPE = /\x1b\[[\d;]*[a-zA-Z]/gu;
/** Without tab, line feed and form feed; what shapes glyphs (joiners, directions) stays. */
const CONTROL = /[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/gu;
