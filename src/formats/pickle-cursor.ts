/** Reads the arguments of pickle opcodes (CPython Lib/pickletools.py, "argument descriptors"); see pickle.ts. */

import { viewOf } from './bytes.ts';
import { FormatError } from './format-error.ts';
import { decodeEither, decodeLatin1, decodeUtf8 } from './text.ts';

/** No name or text of a checkpoint comes near this. */
const MAX_TEXT_BYTES = 16 * 2 ** 20;
const MAX_LONG_BYTES = 1024;
const MAX_DIGITS = 2048;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };

type PickleFault = 'forbidden-global' | 'unsupported' | 'malformed' | 'truncated' | 'too-large' | 'bad-tensor';

/** What is wrong with a pickle; `readPickle` adds the file and the byte. */
export function pickleError(kind: PickleFault, what: string): FormatError {
  return new FormatError(`pickle.${kind}`, what);
}

export class PickleCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at: number;
  /** Where the current opcode stands. */
  opcodeAt: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.at = start;
    this.opcodeAt = start;
  }

  opcode(): string {
    this.opcodeAt = this.at;
    return String.fromCharCode(this.u8());
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** A u64 length as a double: inexact above 2^53, where it is too large in any case. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** BINFLOAT is big endian. */
  f64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** Refuses a length that no checkpoint has, before asking whether the bytes are there. */
  checkLength(length: number): void {
    if (length < 0) throw pickleError('malformed', `a length of ${length}`);
    if (length > MAX_TEXT_BYTES)
      throw pickleError('too-large', `a value of ${length} bytes, at most ${MAX_TEXT_BYTES}`);
  }

  bytes(length: number): Uint8Array {
    this.checkLength(length);
    const start = this.#advance(length);
    return this.#bytes.subarray(start, this.at);
  }

  text(length: number): string {
    const text = decodeUtf8(this.bytes(length));
    if (text === undefined) throw pickleError('malformed', 'text that is not UTF-8');
    return text;
  }

  /** A `str` of Python 2: text where it is UTF-8, otherwise bytes. */
  byteString(length: number): string | Uint8Array {
    const bytes = this.bytes(length);
    return decodeUtf8(bytes) ?? bytes.slice();
  }

  /** A little-endian two's complement integer. */
  long(length: number): number | bigint {
    if (length > MAX_LONG_BYTES)
      throw pickleError('too-large', `an integer of ${length} bytes, at most ${MAX_LONG_BYTES}`);
    const bytes = this.bytes(length);
    let value = 0n;
    for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return integer(BigInt.asIntN(bytes.length * 8, value));
  }

  /** Text up to a line feed. */
  line(): string {
    return decodeEither(this.#lineBytes());
  }

  #lineBytes(): Uint8Array {
    const end = this.#bytes.indexOf(10, this.at);
    this.checkLength((end < 0 ? this.#bytes.length : end) - this.at);
    if (end < 0) throw pickleError('truncated', 'the pickle ends inside a line');
    const bytes = this.#bytes.subarray(this.at, end);
    this.at = end + 1;
    return bytes;
  }

  /** Decimal digits, an `L` after them, or Python 2's `00` and `01` for booleans. */
  decimalInteger(): number | bigint | boolean {
    const text = this.line();
    if (this.#bytes[this.opcodeAt] === 0x49 && /^0[01]$/.test(text)) return text === '01';
    if (text.length > MAX_DIGITS) throw pickleError('too-large', `an integer of ${text.length} digits`);
    if (!/^-?[0-9]+L?$/.test(text)) throw pickleError('malformed', `${JSON.stringify(text)} is no integer`);
    return integer(BigInt(text.replace('L', '')));
  }

  decimalFloat(): number {
    const text = this.line();
    const special: Record<string, number> = {
      inf: Number.POSITIVE_INFINITY,
      '-inf': Number.NEGATIVE_INFINITY,
      nan: Number.NaN,
    };
    if (Object.hasOwn(special, text)) return special[text]!;
    if (!/^-?[0-9.]+(?:[eE][+-]?[0-9]+)?$/.test(text) || text.length > MAX_DIGITS) {
      throw pickleError('malformed', `${JSON.stringify(text.slice(0, 40))} is no number`);
    }
    return Number(text);
  }

  /** A Python 2 string literal. */
  quotedLine(): string {
    const text = this.line();
    const quote = text[0];
    if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) {
      throw pickleError('malformed', 'a string without quotes');
    }
    return text
      .slice(1, -1)
      .replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]?))/g, (_, hex: string | undefined, plain: string) => {
        if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
        const value = ESCAPES[plain];
        if (value === undefined) throw pickleError('malformed', `the escape sequence \\${plain}`);
        return value;
      });
  }

  /** Text with `\u` and `\U` escapes (raw-unicode-escape). */
  escapedLine(): string {
    const text = decodeLatin1(this.#lineBytes());
    return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) => {
      const code = Number.parseInt(short ?? long!, 16);
      if (code > 0x10ffff) throw pickleError('malformed', 'a character above U+10FFFF');
      return String.fromCodePoint(code);
    });
  }

  #advance(length: number): number {
    const start = this.at;
    if (length > this.#bytes.length - start) {
      throw pickleError(
        'truncated',
        `the pickle ends early: ${length} bytes are needed, ${this.#bytes.length - start} are left`,
      );
    }
    this.at += length;
    return start;
  }
}

/** A number where it is exact, otherwise a bigint. */
function integer(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}
