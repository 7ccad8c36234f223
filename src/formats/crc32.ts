/** CRC-32 as in zip and PNG (ISO 3309; polynomial 0xEDB88320, reflected), four bytes at a time ("slicing by 4"). */

let tables: readonly Uint32Array[] | undefined;

function makeTables(): readonly Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c;
  });
  const made = [first];
  for (let k = 1; k < 4; k++) made.push(made[k - 1]!.map((c) => (c >>> 8) ^ first[c & 255]!));
  return made;
}

/** CRC of `bytes`, an unsigned 32-bit integer; `previous` is the CRC of the bytes before them. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  tables ??= makeTables();
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let c = ~previous;
  let i = 0;
  for (const last = bytes.length - 3; i < last; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c = t3[c & 255]! ^ t2[(c >>> 8) & 255]! ^ t1[(c >>> 16) & 255]! ^ t0[c >>> 24]!;
  }
  for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}
