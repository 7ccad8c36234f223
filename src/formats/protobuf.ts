/**
 * The Protocol Buffers wire format: a message writer and a generic field walker.
 * Source: protobuf.dev, "Encoding". Groups (wire types 3 and 4) are left out: no format here has them.
 */

import { assert } from '#core/errors';
import { FormatError } from './format-error.ts';
import { encodeUtf8 } from './text.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Payloads at least this long are kept by reference until `finish`, so that tensors are copied once. */
const BY_REFERENCE = 4096;

/** Writes the fields of one message, in the order of the calls. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];
  #tail: number[] = [];
  #partsSize = 0;

  get size(): number {
    return this.#partsSize + this.#tail.length;
  }

  /** An int64 field: negative values take ten bytes (two's complement). */
  int64(field: number, value: number | bigint): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    this.#varint(field * 8 + 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#tail.push(...bytes);
  }

  double(field: number, value: number): void {
    this.#varint(field * 8 + 1);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#tail.push(...bytes);
  }

  string(field: number, value: string): void {
    this.bytes(field, encodeUtf8(value));
  }

  bytes(field: number, value: Uint8Array): void {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    if (value.length < BY_REFERENCE) for (const b of value) this.#tail.push(b);
    else this.#append(value);
  }

  message(field: number, write: (writer: ProtoWriter) => void): void {
    const child = new ProtoWriter();
    write(child);
    this.#varint(field * 8 + 2);
    this.#varint(child.size);
    for (const part of child.#parts) this.#append(part);
    for (const b of child.#tail) this.#tail.push(b);
  }

  finish(): Uint8Array {
    this.#flush();
    const out = new Uint8Array(this.#partsSize);
    let offset = 0;
    for (const part of this.#parts) {
      out.set(part, offset);
      offset += part.length;
    }
    return out;
  }

  #varint(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31 && Number.isInteger(value)) {
      let rest = value;
      for (; rest > 127; rest >>>= 7) this.#tail.push((rest & 127) | 128);
      this.#tail.push(rest);
      return;
    }
    assert(typeof value === 'bigint' || Number.isSafeInteger(value), `protobuf int64 needs an exact integer: ${value}`);
    const big = BigInt(value);
    assert(big >= INT64_MIN && big <= INT64_MAX, `protobuf int64 out of range: ${big}`);
    let rest = BigInt.asUintN(64, big);
    for (; rest > 127n; rest >>= 7n) this.#tail.push(Number(rest & 127n) | 128);
    this.#tail.push(Number(rest));
  }

  #append(part: Uint8Array): void {
    this.#flush();
    this.#parts.push(part);
    this.#partsSize += part.length;
  }

  #flush(): void {
    if (this.#tail.length === 0) return;
    this.#parts.push(Uint8Array.from(this.#tail));
    this.#partsSize += this.#tail.length;
    this.#tail = [];
  }
}

/** A field as it stands on the wire: varints as signed int64, fixed-size and length-delimited values as bytes. */
export type ProtoField =
  | { readonly field: number; readonly wire: 'varint'; readonly value: bigint }
  | { readonly field: number; readonly wire: 'fixed32' | 'fixed64' | 'bytes'; readonly value: Uint8Array };

/**
 * Walks the fields of one message in order; nested messages come as bytes. Throws `protobuf.malformed`.
 * @internal An oracle of tests.
 */
export function* decodeFields(bytes: Uint8Array): Generator<ProtoField, void, undefined> {
  let at = 0;
  const malformed = (what: string): FormatError =>
    new FormatError('protobuf.malformed', `malformed protobuf message at byte ${at}: ${what}`);
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const b = bytes[at];
      if (b === undefined) throw malformed('the message ends inside a varint');
      at++;
      value |= BigInt(b & 127) << shift;
      if (b < 128) return BigInt.asUintN(64, value);
    }
    throw malformed('a varint is longer than ten bytes');
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw malformed(`a field needs ${length} bytes, ${bytes.length - at} are left`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (field === 0) throw malformed('field number 0');
    if (wire === 0) yield { field, wire: 'varint', value: BigInt.asIntN(64, varint()) };
    else if (wire === 1) yield { field, wire: 'fixed64', value: take(8) };
    else if (wire === 2) yield { field, wire: 'bytes', value: take(Number(varint())) };
    else if (wire === 5) yield { field, wire: 'fixed32', value: take(4) };
    else throw malformed(`wire type ${wire}, expected 0, 1, 2 or 5`);
  }
}
