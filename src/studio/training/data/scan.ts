/**
 * What is to be known of a picture before training on it: whether it can be read, how large it is, what it looks like.
 * Pictures come from anywhere: run it in a reader's process (`reader/tasks.ts`).
 */

import { inTurns } from '../../events/next-turn.ts';

export interface ScannedPicture {
  readonly width: number;
  readonly height: number;
  /** dHash, 16 hexadecimal digits: whether each of 8 x 8 cells is darker than its right neighbour. */
  readonly look: string;
}

/** @throws what libvips throws for a file that is no picture, or a damaged one */
export async function scanPicture(file: string): Promise<ScannedPicture> {
  // Loaded when there is a picture: the studio starts without the codec.
  const { openPicture } = await import('./open-picture.ts');
  const { width, height, autoOrient } = await openPicture(file).metadata();
  const size = autoOrient ?? { width: width, height: height };
  const cells = await openPicture(file)
    .rotate()
    .flatten({ background: '#fff' })
    .greyscale()
    .resize(9, 8, { fit: 'fill' })
    .raw({ depth: 'uchar' })
    .toBuffer();
  let look = 0n;
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) look = (look << 1n) | (cells[y * 9 + x]! < cells[y * 9 + x + 1]! ? 1n : 0n);
  }
  return { width: size.width, height: size.height, look: look.toString(16).padStart(16, '0') };
}

/** Bits in which two looks may differ, of 64, and the pictures be nearly the same. */
const nearly = 6;

/** Groups of pictures that look nearly the same, by name. Each is held against all before it, some in each turn. */
export async function nearDuplicates(
  pictures: readonly { readonly name: string; readonly look: string }[],
): Promise<string[][]> {
  const [high, low, groupOf] = [0, 0, 0].map(() => new Int32Array(pictures.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const groups: string[][] = [];
  for await (const [at, { name, look }] of inTurns(pictures.entries(), pictures.length)) {
    const [a, b] = [Number.parseInt(look.slice(0, 8), 16), Number.parseInt(look.slice(8), 16)];
    let group = groups.length;
    for (let other = 0; other < at; other++) {
      if (groupOf[other]! >= group) continue;
      if (bitsOf(high[other]! ^ a) + bitsOf(low[other]! ^ b) <= nearly) group = groupOf[other]!;
    }
    [high[at], low[at], groupOf[at]] = [a, b, group];
    if (group === groups.length) groups.push([name]);
    else groups[group]!.push(name);
  }
  return groups.filter((group) => group.length > 1);
}

/** How many of the 32 are set (Warren, Hacker's Delight, figure 5-2). */
function bitsOf(word: number): number {
  let sum = word - ((word >>> 1) & 0x5555_5555);
  sum = (sum & 0x3333_3333) + ((sum >>> 2) & 0x3333_3333);
  return Math.imul((sum + (sum >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
