/** Lays out GGUF files, version 3, as gguf.ts reads them; the data is streamed by whoever writes the file. */

import { sizeOf } from '#core/tensor';
import { concatBytes } from './bytes.ts';
import { ggufNumber } from './gguf-types.ts';
import { bytesOfForm } from './pack.ts';
import { encodeUtf8 } from './text.ts';

export interface GgufSpec {
  readonly name: string;
  /** Row-major, the slowest axis first. */
  readonly shape: readonly number[];
  readonly form: 'F32' | 'F16' | 'BF16' | 'Q8_0';
}

export interface GgufPlan<T extends GgufSpec = GgufSpec> {
  /** Everything before the data. */
  readonly header: Uint8Array;
  /** The tensors in the order of their data; each is followed by `padding` zeros. */
  readonly order: readonly (T & { readonly byteLength: number; readonly padding: number })[];
}

const ALIGNMENT = 32;
const STRING = 8;
const UINT32 = 4;

/** `metadata`: texts by key; `general.architecture` is expected by readers. */
export function planGguf<T extends GgufSpec>(
  tensors: readonly T[],
  metadata: Readonly<Record<string, string>>,
): GgufPlan<T> {
  const order = tensors.map((tensor) => {
    const byteLength = bytesOfForm(tensor.form, sizeOf(tensor.shape));
    return { ...tensor, byteLength, padding: (ALIGNMENT - (byteLength % ALIGNMENT)) % ALIGNMENT };
  });
  const pairs = Object.entries(metadata);
  const head = [
    encodeUtf8('GGUF'),
    u32(3),
    u64(order.length),
    u64(pairs.length + 1),
    ...pairs.flatMap(([key, value]) => [text(key), u32(STRING), text(value)]),
    text('general.alignment'),
    u32(UINT32),
    u32(ALIGNMENT),
  ];
  let offset = 0;
  for (const { name, shape, form, byteLength, padding } of order) {
    head.push(text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(ggufNumber(form)), u64(offset));
    offset += byteLength + padding;
  }
  const header = concatBytes(head);
  const filled = new Uint8Array(Math.ceil(header.length / ALIGNMENT) * ALIGNMENT);
  filled.set(header);
  return { header: filled, order };
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

function text(value: string): Uint8Array {
  const bytes = encodeUtf8(value);
  return concatBytes([u64(bytes.length), bytes]);
}
