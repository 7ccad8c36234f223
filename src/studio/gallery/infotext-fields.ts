/**
 * The fields that the gallery searches by, from a picture's infotext: prompt, negative prompt, and a few keys of the
 * line of parameters. Linear in the text's length, whatever the text. Left out: all other keys, which the gallery
 * keeps as text.
 */

export interface InfotextFields {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly model?: string;
  readonly modelHash?: string;
  readonly sampler?: string;
  readonly scheduler?: string;
  readonly steps?: number;
  readonly cfgScale?: number;
  readonly seed?: number;
}

const negativeMark = 'Negative prompt:';

export function infotextFields(infotext: string): InfotextFields {
  const lines = infotext.trim().split('\n');
  const pairs = parameterPairs(lines.at(-1)!);
  // As A1111 decides: fewer than three pairs are prompt text.
  const hasParameters = pairs.size >= 3;
  const text = hasParameters ? lines.slice(0, -1) : lines;
  const negative = text.findIndex((line) => line.trimStart().startsWith(negativeMark));
  const prompt = (negative < 0 ? text : text.slice(0, negative)).join('\n').trim();
  const negativePrompt = negative < 0 ? '' : text.slice(negative).join('\n').trim().slice(negativeMark.length).trim();
  return { prompt, negativePrompt, ...(hasParameters ? searchable(pairs) : {}) };
}

function searchable(pairs: ReadonlyMap<string, string>): Partial<InfotextFields> {
  const number = (key: string) => {
    const value = Number(pairs.get(key) ?? Number.NaN);
    return Number.isFinite(value) ? value : undefined;
  };
  const fields = {
    model: pairs.get('Model'),
    modelHash: pairs.get('Model hash'),
    sampler: pairs.get('Sampler'),
    scheduler: pairs.get('Schedule type'),
    steps: number('Steps'),
    cfgScale: number('CFG scale'),
    seed: number('Seed'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** `Key: value, Key: "quoted, value"` */
function parameterPairs(line: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at < line.length; ) {
    const colon = line.indexOf(':', at);
    if (colon < 0) break;
    const key = line.slice(at, colon).trim();
    const start = colon + 1 + (line[colon + 1] === ' ' ? 1 : 0);
    const end = line[start] === '"' ? endOfQuoted(line, start) : endOfPlain(line, start);
    if (/^\w[\w \-/]+$/.test(key)) pairs.set(key, unquote(line.slice(start, end).trim()));
    const comma = line.indexOf(',', end);
    if (comma < 0) break;
    at = comma + 1;
  }
  return pairs;
}

function endOfPlain(line: string, start: number): number {
  const comma = line.indexOf(',', start);
  return comma < 0 ? line.length : comma;
}

function endOfQuoted(line: string, start: number): number {
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === '\\') at++;
    else if (line[at] === '"') return at + 1;
  }
  return endOfPlain(line, start);
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    const text: unknown = JSON.parse(value);
    return typeof text === 'string' ? text : value;
  } catch {
    return value;
  }
}
