/**
 * Prompts from a file or a text box: each line is a prompt, or settings behind `--` as A1111 names them.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, scripts/prompts_from_file.py. There a line with a flag that is not known becomes
 * a prompt as it stands; here it is refused by its number.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { type SettingName, settingRows, valueType } from '../settings/index.ts';
import { seriesForm } from './form.ts';
import { maxCells, type PlainRequest } from './series.ts';

const schema = z.object({
  lines: z
    .string()
    .max(1_000_000)
    .describe('A prompt a line, or --prompt "a fox" --steps 30 --width 512 and so on.')
    .meta({ label: 'Prompts', control: 'text' }),
  position: z
    .enum(['start', 'end'])
    .default('start')
    .describe('Where a line’s prompt goes, if the request has one as well.')
    .meta({ label: 'Line’s prompt at the', control: 'choice' }),
  iterateSeed: z
    .boolean()
    .default(false)
    .describe('Count the seed up from line to line.')
    .meta({ label: 'Count the seed up', control: 'switch' }),
  sameSeed: z
    .boolean()
    .default(false)
    .describe('One random seed for all lines, where it is left open.')
    .meta({ label: 'Same random seed', control: 'switch' }),
});

export const promptList = seriesForm({
  name: 'prompts',
  title: 'Prompts from file or textbox',
  help: 'A picture for each line of a text, with settings of its own.',
  schema,
  expand({ lines, position, iterateSeed, sameSeed }, request, { drawSeed }) {
    const draws = (iterateSeed || sameSeed) && request.seed < 0;
    const base = draws ? { ...request, seed: drawSeed() } : request;
    const pictures = base.batchSize * base.batchCount;
    const { given, count } = linesOf(lines);
    if (count === 0) throw new UserError('series.lines', 'There is no line with a prompt.');
    if (count > maxCells) throw new UserError('series.size', `At most ${maxCells} lines, not ${count}.`);
    const cells = given.map(([line, number], i) => {
      const seed = iterateSeed ? { seed: base.seed + i * pictures } : {};
      const settings = { ...seed, ...settingsOfLine(line, number) };
      return { changes: { ...settings, ...joined(base, settings, position) } };
    });
    return { base, cells, told: [] };
  },
});

/** Lines that say something, each with its number from 1; of more than there may be only how many. */
function linesOf(text: string): { readonly given: readonly (readonly [string, number])[]; readonly count: number } {
  const plain = text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  const given: [string, number][] = [];
  let count = 0;
  for (let from = 0, number = 1; from <= plain.length; number++) {
    const next = plain.indexOf('\n', from);
    const end = next < 0 ? plain.length : next;
    const line = end === from ? '' : plain.slice(from, end).trim();
    if (line !== '' && ++count <= maxCells) given.push([line, number]);
    from = end + 1;
  }
  return { given, count };
}

/** Prompts of a line beside those of the request. */
function joined(base: PlainRequest, settings: Readonly<Record<string, unknown>>, position: string) {
  const names = (['prompt', 'negativePrompt'] as const).filter(
    (name) => settings[name] !== undefined && base[name] !== '',
  );
  return Object.fromEntries(
    names.map((name) => {
      const [own, other] = [String(settings[name]), base[name]];
      return [name, position === 'start' ? `${own} ${other}` : `${other} ${own}`];
    }),
  );
}

/** A1111's names, and ours. */
const names = new Map<string, SettingName>([
  ...settingRows.map(([name]) => [name.toLowerCase(), name] as const),
  ...settingRows.flatMap(([name, { flag }]) => (flag === undefined ? [] : [[flag.replaceAll('-', ''), name] as const])),
  ...settingRows.flatMap(([name, { a1111 }]) =>
    a1111?.field === undefined ? [] : [[a1111.field.replaceAll('_', ''), name] as const],
  ),
  ['sdmodel', 'model'],
  ['samplerindex', 'sampler'],
]);

/** Pictures are kept and shown in one way here. */
const ignored: readonly string[] = [
  'outpathsamples',
  'outpathgrids',
  'donotsavesamples',
  'donotsavegrid',
  'promptfordisplay',
];

function settingsOfLine(line: string, number: number): Record<string, unknown> {
  if (!line.startsWith('--') && !line.includes(' --')) return { prompt: line };
  const words = wordsOf(line, number);
  const settings: Record<string, unknown> = {};
  for (let i = 0; i < words.length; ) {
    const flag = words[i]!;
    if (!flag.startsWith('--')) throw problem(number, `${JSON.stringify(flag)} must begin with --`);
    const key = flag.slice(2).toLowerCase().replaceAll(/[-_]/g, '');
    const name = names.get(key);
    if (!name && !ignored.includes(key)) throw problem(number, `there is no setting ${flag}`);
    if (i + 1 >= words.length) throw problem(number, `${flag} has no value`);
    // Prompts go on to the next flag, also without quotes.
    let end = i + 2;
    if (name === 'prompt' || name === 'negativePrompt')
      while (end < words.length && !words[end]!.startsWith('--')) end++;
    if (name) settings[name] = settingOf(name, words.slice(i + 1, end).join(' '), flag, number);
    i = end;
  }
  return settings;
}

function settingOf(name: SettingName, text: string, flag: string, number: number): unknown {
  const type = valueType(name);
  const facts = z.toJSONSchema(type, { io: 'input' }) as { type?: string; enum?: string[] };
  const read = type.safeParse(typed(text, facts));
  if (read.success) return read.data;
  throw problem(number, `${flag}: ${read.error.issues[0]!.message}, got ${JSON.stringify(text)}`);
}

function typed(text: string, { type, enum: choices }: { type?: string; enum?: string[] }): unknown {
  if (type === 'number' || type === 'integer') return text.trim() === '' ? text : Number(text);
  if (type === 'boolean') return text.toLowerCase() === 'true';
  if (type === 'array') return text.split(',').map((each) => each.trim());
  return choices?.find((choice) => choice.toLowerCase() === text.toLowerCase()) ?? text;
}

/** As a shell takes a line apart: quotes of both kinds, backslashes. */
function wordsOf(line: string, number: number): string[] {
  const words: string[] = [];
  let [word, quote, started] = ['', '', false];
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quote !== "'" && c === '\\' && i + 1 < line.length) [word, started, i] = [word + line[i + 1]!, true, i + 1];
    else if (quote !== '' && c === quote) quote = '';
    else if (quote === '' && (c === '"' || c === "'")) [quote, started] = [c, true];
    else if (quote === '' && /\s/.test(c)) {
      if (started) words.push(word);
      [word, started] = ['', false];
    } else [word, started] = [word + c, true];
  }
  if (quote !== '') throw problem(number, `the quote ${quote} does not end`);
  return started ? [...words, word] : words;
}

function problem(line: number, what: string): UserError {
  return new UserError('series.line', `Line ${line}: ${what}.`);
}
