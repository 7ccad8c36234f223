/**
 * SHA-256 (FIPS 180-4) of texts, in pure ES so that pure rooms can use it. For identities of graphs, not for files:
 * faces with Node or a browser have faster ones.
 */

/** The n first primes. */
function primes(n: number): number[] {
  const found: number[] = [];
  for (let p = 2; found.length < n; p++) if (found.every((q) => p % q !== 0)) found.push(p);
  return found;
}

/** First 32 bits of the fractional part. */
const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;

const rotate = (x: number, n: number): number => (x >>> n) | (x << (32 - n));

/** Message schedule of one 64-byte block. */
function schedule(block: DataView, offset: number): Int32Array {
  const w = new Int32Array(64);
  for (let i = 0; i < 16; i++) w[i] = block.getInt32(offset + 4 * i);
  for (let i = 16; i < 64; i++) {
    const [a, b] = [w[i - 15]!, w[i - 2]!];
    const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
    const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  return w;
}

function compress(state: Int32Array, w: Int32Array, k: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i]! + w[i]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((x, i) => {
    state[i] = (state[i]! + x) | 0;
  });
}

export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Lower-case hexadecimal; the object is spent afterwards. */
  digest(): string;
}

export function sha256(): Sha256 {
  const k = Int32Array.from(primes(64), (p) => fraction(Math.cbrt(p)));
  const state = Int32Array.from(primes(8), (p) => fraction(Math.sqrt(p)));
  const block = new Uint8Array(64);
  const view = new DataView(block.buffer);
  let length = 0;
  const update = (bytes: Uint8Array): void => {
    for (const byte of bytes) {
      block[length++ % 64] = byte;
      if (length % 64 === 0) compress(state, schedule(view, 0), k);
    }
  };
  const digest = (): string => {
    const bits = length * 8;
    const rest = length % 64;
    const tail = new Uint8Array(rest < 56 ? 64 - rest : 128 - rest);
    tail[0] = 0x80;
    const end = new DataView(tail.buffer);
    end.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    end.setUint32(tail.length - 4, bits >>> 0);
    update(tail);
    return Array.from(state, (x) => (x >>> 0).toString(16).padStart(8, '0')).join('');
  };
  return { update, digest };
}

/** Hash of a text by its UTF-16 code units (two bytes each, little-endian). */
export function sha256Text(text: string): string {
  const hash = sha256();
  const bytes = new Uint8Array(2 * text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit & 0xff;
    bytes[2 * i + 1] = unit >> 8;
  }
  hash.update(bytes);
  return hash.digest();
}
