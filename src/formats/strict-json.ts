/**
 * A strict JSON reader (RFC 8259) for file headers that are not trusted.
 *
 * Unlike JSON.parse it keeps duplicate keys for the caller to judge, keeps numbers as their source text (integers
 * above 2^53 and `2.0` stay distinguishable), refuses lone surrogates, and limits depth. Limits follow serde_json,
 * which the reference reader of safetensors uses: nesting below 128, finite numbers.
 */

import { FormatError } from './format-error.ts';

export type JsonValue =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly JsonValue[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [key: string, value: JsonValue])[] };

const MAX_DEPTH = 127;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** What needs no unescaping: anything but a quote, a backslash or a control character. */
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Parses a whole text. Throws `json.malformed` with the character offset. */
export function parseStrictJson(text: string): JsonValue {
  const reader = new JsonReader(text);
  return reader.document();
}

class JsonReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    this.#space();
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the text');
    return value;
  }

  #value(): JsonValue {
    const c = this.#text[this.#at];
    if (c === '{') return this.#nested(() => this.#object());
    if (c === '[') return this.#nested(() => this.#array());
    if (c === '"') return { kind: 'string', value: this.#string() };
    const text = this.#match(NUMBER);
    if (text !== '') {
      if (!Number.isFinite(Number(text))) throw this.#error(`the number ${abbreviate(text)} is out of range`);
      return { kind: 'number', text };
    }
    if (this.#word('null')) return { kind: 'null' };
    if (this.#word('true')) return { kind: 'boolean', value: true };
    if (this.#word('false')) return { kind: 'boolean', value: false };
    throw this.#unexpected('a JSON value');
  }

  #nested(read: () => JsonValue): JsonValue {
    this.#depth++;
    if (this.#depth > MAX_DEPTH) throw this.#error(`nested deeper than ${MAX_DEPTH} levels`);
    this.#at++;
    this.#space();
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): JsonValue {
    const entries: [string, JsonValue][] = [];
    while (!this.#word('}')) {
      if (entries.length > 0) this.#separator('"}"');
      if (this.#text[this.#at] !== '"') throw this.#unexpected('a key in double quotes');
      const key = this.#string();
      this.#space();
      if (!this.#word(':')) throw this.#unexpected('":"');
      this.#space();
      entries.push([key, this.#value()]);
      this.#space();
    }
    return { kind: 'object', entries };
  }

  #array(): JsonValue {
    const items: JsonValue[] = [];
    while (!this.#word(']')) {
      if (items.length > 0) this.#separator('"]"');
      items.push(this.#value());
      this.#space();
    }
    return { kind: 'array', items };
  }

  #separator(closing: string): void {
    if (!this.#word(',')) throw this.#unexpected(`"," or ${closing}`);
    this.#space();
  }

  #string(): string {
    this.#at++;
    let value = this.#match(PLAIN);
    while (!this.#word('"')) {
      if (!this.#word('\\')) throw this.#unexpected('the closing quote of a string');
      value += this.#escape() + this.#match(PLAIN);
    }
    return value;
  }

  #escape(): string {
    const c = this.#text[this.#at] ?? '';
    if (Object.hasOwn(ESCAPES, c)) {
      this.#at++;
      return ESCAPES[c]!;
    }
    const unit = this.#unicodeEscape();
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    const low = unit < 0xdc00 && this.#word('\\') ? this.#unicodeEscape() : 0;
    if (low < 0xdc00 || low > 0xdfff) throw this.#error('a lone surrogate is not a character');
    return String.fromCharCode(unit, low);
  }

  #unicodeEscape(): number {
    if (!this.#word('u')) throw this.#unexpected('an escape sequence');
    const hex = this.#match(HEX4);
    if (hex === '') throw this.#unexpected('four hexadecimal digits');
    return Number.parseInt(hex, 16);
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #space(): void {
    let c = this.#text.charCodeAt(this.#at);
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = this.#text.charCodeAt(++this.#at);
  }

  #match(pattern: RegExp): string {
    const start = this.#at;
    pattern.lastIndex = start;
    if (!pattern.test(this.#text)) return '';
    this.#at = pattern.lastIndex;
    return this.#text.slice(start, this.#at);
  }

  #unexpected(expected: string): FormatError {
    const got = this.#text[this.#at];
    return this.#error(`expected ${expected}, got ${got === undefined ? 'the end of the text' : JSON.stringify(got)}`);
  }

  #error(what: string): FormatError {
    return new FormatError('json.malformed', `${what} (at character ${this.#at})`);
  }
}

function abbreviate(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
