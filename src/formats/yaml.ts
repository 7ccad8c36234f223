/**
 * A reader for the subset of YAML in which model configurations are written (the `.yaml` beside an original Stable
 * Diffusion checkpoint): block maps and lists by indentation, flow lists and maps on one line, plain and quoted
 * scalars, comments. Scalars resolve as PyYAML and OmegaConf resolve them (YAML 1.1 booleans, `1e-4` a number).
 *
 * Left out, each with its own message: anchors and aliases, tags, block scalars, scalars and flow collections over
 * several lines, several documents, complex keys. Source: YAML 1.1 and 1.2 specifications.
 */

import { FormatError } from './format-error.ts';

export type YamlValue = null | boolean | number | string | YamlValue[] | YamlMap;

/** An object without a prototype, so that any key is only a key. */
export interface YamlMap {
  [key: string]: YamlValue;
}

const MAX_DEPTH = 64;
const MAX_LENGTH = 2 ** 18;

interface Line {
  readonly number: number;
  readonly indent: number;
  /** Without indentation; comments inside are still there. */
  readonly text: string;
}

/** Parses one document; an empty one is null. Throws `yaml.malformed` or `yaml.unsupported` with file and line, or `yaml.too-large`. */
export function parseYaml(text: string, file = 'YAML'): YamlValue {
  if (text.length > MAX_LENGTH) {
    const what = `${text.length} characters; a model's configuration has at most ${MAX_LENGTH}`;
    throw new FormatError('yaml.too-large', what, { file });
  }
  return new BlockReader(splitLines(text, file), file).document();
}

function yamlError(kind: 'malformed' | 'unsupported', file: string, line: number, what: string): FormatError {
  return new FormatError(`yaml.${kind}`, what, { file, place: `line ${line}` });
}

function splitLines(text: string, file: string): Line[] {
  const lines: Line[] = [];
  const raw = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  raw.forEach((content, i) => {
    const body = content.trimStart();
    if (body === '' || body.startsWith('#')) return;
    const indent = content.length - body.length;
    if (content.slice(0, indent).includes('\t')) {
      throw yamlError('malformed', file, i + 1, 'a tab in the indentation; YAML is indented with spaces');
    }
    lines.push({ number: i + 1, indent, text: body.trimEnd() });
  });
  const [first] = lines;
  if (first && /^---(?:\s*#.*)?$/.test(first.text) && first.indent === 0) lines.shift();
  if (lines.at(-1)?.text === '...' && lines.at(-1)?.indent === 0) lines.pop();
  const marker = lines.find((l) => l.indent === 0 && /^(?:---|\.\.\.|%)/.test(l.text));
  if (marker)
    throw yamlError('unsupported', file, marker.number, 'several documents or directives; expected one document');
  return lines;
}

function isItem(text: string): boolean {
  return text === '-' || text.startsWith('- ');
}

class BlockReader {
  readonly #lines: Line[];
  readonly #file: string;
  #at = 0;
  #depth = 0;

  constructor(lines: Line[], file: string) {
    this.#lines = lines;
    this.#file = file;
  }

  document(): YamlValue {
    const [first] = this.#lines;
    if (!first) return null;
    const value = this.#block(first.indent);
    const rest = this.#lines[this.#at];
    if (rest) throw this.#malformed(rest, 'indented less than the lines before it');
    return value;
  }

  #block(indent: number): YamlValue {
    const line = this.#lines[this.#at]!;
    this.#depth++;
    if (this.#depth > MAX_DEPTH) throw this.#malformed(line, `nested deeper than ${MAX_DEPTH} levels`);
    const value = this.#blockContent(line, indent);
    this.#depth--;
    const next = this.#lines[this.#at];
    if (next && next.indent > indent) throw this.#malformed(next, 'indented more than the lines before it');
    return value;
  }

  #blockContent(line: Line, indent: number): YamlValue {
    if (isItem(line.text)) return this.#list(indent);
    if (this.#scalars(line).key() !== undefined) return this.#map(indent);
    this.#at++;
    return this.#scalars(line).value();
  }

  #map(indent: number): YamlMap {
    const map: YamlMap = Object.create(null);
    for (
      let line = this.#lines[this.#at];
      line?.indent === indent && !isItem(line.text);
      line = this.#lines[this.#at]
    ) {
      const scalars = this.#scalars(line);
      const key = scalars.key();
      if (key === undefined) throw this.#malformed(line, 'expected "key: value"');
      if (Object.hasOwn(map, key)) throw this.#malformed(line, `the key ${JSON.stringify(key)} is there twice`);
      this.#at++;
      map[key] = scalars.atEnd() ? this.#nested(indent, indent) : scalars.value();
    }
    return map;
  }

  #list(indent: number): YamlValue[] {
    const list: YamlValue[] = [];
    for (let line = this.#lines[this.#at]; line?.indent === indent && isItem(line.text); line = this.#lines[this.#at]) {
      const content = line.text.slice(1).trimStart();
      if (content === '' || content.startsWith('#')) {
        this.#at++;
        list.push(this.#nested(indent, indent + 1));
        continue;
      }
      // What follows the dash is a block of its own, indented to where it stands.
      const inner = { ...line, indent: indent + line.text.length - content.length, text: content };
      this.#lines[this.#at] = inner;
      list.push(this.#block(inner.indent));
    }
    return list;
  }

  /** The value on the lines after a key or a dash; a list may stand at the indentation `listIndent` of its key. */
  #nested(indent: number, listIndent: number): YamlValue {
    const next = this.#lines[this.#at];
    if (!next) return null;
    const below = next.indent > indent || (next.indent === listIndent && isItem(next.text));
    return below ? this.#block(next.indent) : null;
  }

  #scalars(line: Line): ScalarReader {
    return new ScalarReader(line.text, (kind, what) => yamlError(kind, this.#file, line.number, what));
  }

  #malformed(line: Line, what: string): FormatError {
    return yamlError('malformed', this.#file, line.number, what);
  }
}

type MakeError = (kind: 'malformed' | 'unsupported', what: string) => FormatError;

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  ' ': ' ',
  '"': '"',
  '/': '/',
  '\\': '\\',
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const UNSUPPORTED: Readonly<Record<string, string>> = {
  '&': 'an anchor (&)',
  '*': 'an alias (*)',
  '!': 'a tag (!)',
  '|': 'a block scalar (|)',
  '>': 'a block scalar (>)',
  '@': 'a reserved character (@)',
  '`': 'a reserved character (`)',
};

/** Reads the keys and values of one line. */
class ScalarReader {
  readonly #text: string;
  readonly #error: MakeError;
  #at = 0;
  #depth = 0;

  constructor(text: string, error: MakeError) {
    this.#text = text;
    this.#error = error;
  }

  /** Moves behind `key:`, or stays and gives undefined when the line is no entry of a map. */
  key(): string | undefined {
    const start = this.#text[0]!;
    if (this.#text.startsWith('? ')) throw this.#error('unsupported', 'a complex key (?); write "key: value"');
    if (start === '"' || start === "'") {
      const key = this.#quoted();
      if (/^\s*:(?:\s|$)/.test(this.#rest())) {
        this.#at = this.#text.indexOf(':', this.#at) + 1;
        return key;
      }
      this.#at = 0;
      return undefined;
    }
    if (start === '[' || start === '{') return undefined;
    const found = /^([^#]|(?<=\S)#)*?:(?=\s|$)/.exec(this.#text);
    if (!found) return undefined;
    this.#refuseUnsupported();
    this.#at = found[0].length;
    return found[0].slice(0, -1).trimEnd();
  }

  /** Whether only a comment is left. */
  atEnd(): boolean {
    return /^\s*(?:#.*)?$/.test(this.#rest()) && !/^#/.test(this.#rest());
  }

  /** The value that fills the rest of the line. */
  value(): YamlValue {
    this.#space();
    const start = this.#text[this.#at];
    const structured = start === '[' || start === '{' || start === '"' || start === "'";
    const value = structured ? this.#flow() : this.#plainToEnd();
    if (!this.atEnd()) {
      throw this.#error(
        'malformed',
        `unexpected text after a value: ${JSON.stringify(this.#rest().trim().slice(0, 40))}`,
      );
    }
    return value;
  }

  #plainToEnd(): YamlValue {
    this.#refuseUnsupported();
    const rest = this.#rest();
    // A pattern with the spaces before it would try each of them as its start.
    const comment = rest.search(/\s#/);
    const text = (comment < 0 ? rest : rest.slice(0, comment)).trimEnd();
    if (/:(?:\s|$)/.test(text)) throw this.#error('malformed', 'a key inside a value; put text with ": " in quotes');
    this.#at += text.length;
    return resolve(text);
  }

  #flow(): YamlValue {
    this.#space();
    const c = this.#text[this.#at];
    if (c === '[' || c === '{') {
      this.#depth++;
      if (this.#depth > MAX_DEPTH) throw this.#error('malformed', `nested deeper than ${MAX_DEPTH} levels`);
      this.#at++;
      const value = c === '[' ? this.#flowList() : this.#flowMap();
      this.#depth--;
      return value;
    }
    if (c === '"' || c === "'") return this.#quoted();
    return resolve(this.#flowText());
  }

  #flowList(): YamlValue[] {
    const list: YamlValue[] = [];
    while (!this.#close(']')) {
      list.push(this.#flow());
      this.#separator(']');
    }
    return list;
  }

  #flowMap(): YamlMap {
    const map: YamlMap = Object.create(null);
    while (!this.#close('}')) {
      const c = this.#text[this.#at];
      const key = c === '"' || c === "'" ? this.#quoted() : this.#flowText();
      if (Object.hasOwn(map, key)) throw this.#error('malformed', `the key ${JSON.stringify(key)} is there twice`);
      this.#space();
      const valued = this.#text[this.#at] === ':';
      if (valued) this.#at++;
      this.#space();
      const empty = !valued || /[,}]/.test(this.#text[this.#at] ?? '');
      map[key] = empty ? null : this.#flow();
      this.#separator('}');
    }
    return map;
  }

  /** Plain text inside brackets. */
  #flowText(): string {
    this.#refuseUnsupported();
    const text = /^(?:[^,[\]{}:#]|:(?![\s,[\]{}]|$)|(?<=\S)#)*/.exec(this.#rest())![0];
    if (text.trim() === '') throw this.#error('malformed', 'an empty entry between brackets');
    this.#at += text.length;
    return text.trim();
  }

  #close(bracket: string): boolean {
    this.#space();
    if (this.atEnd()) {
      throw this.#error('unsupported', `no ${bracket} on this line; write lists and maps in brackets on one line`);
    }
    if (this.#text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  #separator(bracket: string): void {
    this.#space();
    const c = this.#text[this.#at];
    if (c === ',') this.#at++;
    else if (c !== undefined && c !== bracket && c !== '#') {
      throw this.#error('malformed', `expected "," or "${bracket}", got ${JSON.stringify(c)}`);
    }
  }

  #quoted(): string {
    const quote = this.#text[this.#at]!;
    let value = '';
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const c = this.#text[at]!;
      if (c === quote && quote === "'" && this.#text[at + 1] === "'") value += this.#text[at++];
      else if (c === quote) {
        this.#at = at + 1;
        return value;
      } else if (c === '\\' && quote === '"') {
        const [text, length] = this.#escape(at + 1);
        value += text;
        at += length;
      } else value += c;
    }
    throw this.#error('unsupported', `no closing ${quote} on this line; write quoted text on one line`);
  }

  /** The character of the escape sequence at `at`, and how many characters stand for it. */
  #escape(at: number): [string, number] {
    const c = this.#text[at] ?? '';
    if (Object.hasOwn(ESCAPES, c)) return [ESCAPES[c]!, 1];
    const digits = Object.hasOwn(HEX_DIGITS, c) ? HEX_DIGITS[c]! : 0;
    const hex = this.#text.slice(at + 1, at + 1 + digits);
    const code = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : -1;
    if (digits === 0 || code < 0 || code > 0x10ffff) {
      throw this.#error('malformed', `the escape sequence \\${c}${hex} in double quotes is not known`);
    }
    return [String.fromCodePoint(code), 1 + digits];
  }

  #refuseUnsupported(): void {
    const c = this.#text[this.#at] ?? '';
    const what = Object.hasOwn(UNSUPPORTED, c) ? UNSUPPORTED[c] : undefined;
    if (what) throw this.#error('unsupported', `${what}; write the value itself, in quotes if it begins with ${c}`);
  }

  #space(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }
}

const CONSTANTS: ReadonlyMap<string, YamlValue> = new Map<string, YamlValue>([
  ['', null],
  ['~', null],
  ['null', null],
  ['true', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['.nan', Number.NaN],
  ['.inf', Number.POSITIVE_INFINITY],
  ['+.inf', Number.POSITIVE_INFINITY],
  ['-.inf', Number.NEGATIVE_INFINITY],
]);

/** The value of a plain scalar; constants are known in lower case, capitalised and in upper case. */
function resolve(text: string): YamlValue {
  const lower = text.toLowerCase();
  const cased = [lower, text.toUpperCase(), lower.replace(/[a-z]/, (c) => c.toUpperCase())].includes(text);
  const constant = cased ? CONSTANTS.get(lower) : undefined;
  if (constant !== undefined) return constant;
  if (/^[-+]?0x[0-9a-fA-F]+$/.test(text)) return Number.parseInt(text, 16);
  const decimal = /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$/.test(text);
  return decimal ? Number(text.replaceAll('_', '')) : text;
}
