/**
 * styles.csv as text: `name,prompt,negative_prompt`, values in double quotes where they hold commas, quotes or line
 * breaks. Rows whose name begins with `#` are notes; older files call the prompt `text`.
 *
 * Source: RFC 4180; AUTOMATIC1111 web UI v1.10.1, modules/styles.py (columns, notes, byte order mark).
 */

import { UserError } from '#core/errors';

export interface Style {
  readonly name: string;
  /** `{prompt}` stands for the prompt; without it the text goes after the prompt. */
  readonly prompt: string;
  readonly negativePrompt: string;
}

/** Nobody chooses among more; a list of them is told in one answer. */
const mostStyles = 10_000;

/** Rows without a name are left out; of the same name the last counts. @throws UserError `style.too-many` */
export function parseStyles(text: string): Style[] {
  const [header = [], ...rows] = parseCsv(text.replace(/^\ufeff/, ''));
  const column = (...names: string[]) => header.findIndex((title) => names.includes(title.trim().toLowerCase()));
  const [name, prompt, negative] = [column('name'), column('prompt', 'text'), column('negative_prompt')];
  const styles = new Map<string, Style>();
  for (const row of rows) {
    const called = row[name]?.trim() ?? '';
    if (called === '' || called.startsWith('#')) continue;
    styles.set(called, { name: called, prompt: row[prompt] ?? '', negativePrompt: row[negative] ?? '' });
    if (styles.size > mostStyles)
      throw new UserError('style.too-many', `The sheet holds more than ${mostStyles} styles; make it smaller.`);
  }
  return [...styles.values()];
}

/** With a byte order mark, by which spreadsheets tell UTF-8. */
export function writeStyles(styles: readonly Style[]): string {
  const rows = styles.map(({ name, prompt, negativePrompt }) => [name, prompt, negativePrompt]);
  const lines = [['name', 'prompt', 'negative_prompt'], ...rows].map((row) => row.map(quoted).join(','));
  return `\ufeff${lines.join('\r\n')}\r\n`;
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Rows of values; a quote that never ends takes the rest of the text. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const plain = /[^,\r\n]*/y;
  for (let at = 0; at < text.length; ) {
    const isQuoted = text[at] === '"';
    const close = isQuoted ? closingQuote(text, at + 1) : at;
    plain.lastIndex = Math.min(isQuoted ? close + 1 : at, text.length);
    const [after] = plain.exec(text)!;
    row.push((isQuoted ? text.slice(at + 1, close).replaceAll('""', '"') : '') + after);
    const end = plain.lastIndex;
    at = end + (text.startsWith('\r\n', end) ? 2 : 1);
    const isLast = end >= text.length;
    if (text[end] === ',' && at === text.length) row.push('');
    if (text[end] === ',' && at < text.length) continue;
    if (row.some((each) => each !== '')) rows.push(row);
    if (isLast) break;
    row = [];
  }
  return rows;
}

/** Where a quoted value that begins at `from` ends: at the first quote that is no pair. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return text.length;
}
