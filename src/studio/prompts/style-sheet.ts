/**
 * styles.csv as text: `name,prompt,negative_prompt`, values in double quotes where they hold commas, quotes or line
 * breaks. Rows whose name begins with `#` are notes; older files call the prompt `text`.
 *
 * Source: RFC 4180; AUTOMATIC1111 web UI v1.10.1, modules/styles.py (columns, notes, byte order mark).
 */

export interface Style {
  readonly name: string;
  /** `{prompt}` stands for the prompt; without it the text goes after the prompt. */
  readonly prompt: string;
  readonly negativePrompt: string;
}

/** Rows without a name are left out; of the same name the last counts. */
export function parseStyles(text: string): Style[] {
  const [header = [], ...rows] = parseCsv(text.replace(/^\ufeff/, ''));
  const column = (...names: string[]) => header.findIndex((title) => names.includes(title.trim().toLowerCase()));
  const [name, prompt, negative] = [column('name'), column('prompt', 'text'), column('negative_prompt')];
  const styles = new Map<string, Style>();
  for (const row of rows) {
    const called = row[name]?.trim() ?? '';
    if (called === '' || called.startsWith('#')) continue;
    styles.set(called, { name: called, prompt: row[prompt] ?? '', negativePrompt: row[negative] ?? '' });
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
  // A value in quotes or plain, and what ends it.
  const value = /(?:"((?:[^"]|"")*)(?:"|$)|([^",\r\n]*))([^,\r\n]*)(,|\r\n|\r|\n|$)/y;
  for (let at = 0; at < text.length; at = value.lastIndex) {
    value.lastIndex = at;
    const match = value.exec(text);
    if (!match) break;
    const [, inQuotes, plain = '', after = '', end] = match;
    row.push(inQuotes === undefined ? plain + after : inQuotes.replaceAll('""', '"') + after);
    if (end === ',' && value.lastIndex === text.length) row.push('');
    if (end === ',') continue;
    if (row.some((each) => each !== '')) rows.push(row);
    row = [];
    if (value.lastIndex === at) break;
  }
  if (row.some((each) => each !== '')) rows.push(row);
  return rows;
}
