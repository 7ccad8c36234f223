/**
 * What is to be known of a picture before training on it: whether it can be read, how large it is, what it looks like.
 * Pictures come from anywhere: run it in a reader's process (`reader/tasks.ts`).
 */

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

/** Bits in which two looks differ, 0 to 64; up to about 6 the pictures are nearly the same. */
export function lookDistance(a: string, b: string): number {
  let differing = BigInt(`0x${a}`) ^ BigInt(`0x${b}`);
  let count = 0;
  for (; differing > 0n; differing &= differing - 1n) count++;
  return count;
}

const nearly = 6;

/** Groups of pictures that look nearly the same, by name. */
export function nearDuplicates(pictures: readonly { readonly name: string; readonly look: string }[]): string[][] {
  const groups: { name: string; look: string }[][] = [];
  for (const picture of pictures) {
    const group = groups.find((each) => each.some(({ look }) => lookDistance(look, picture.look) <= nearly));
    if (group) group.push(picture);
    else groups.push([picture]);
  }
  return groups.filter((group) => group.length > 1).map((group) => group.map(({ name }) => name));
}
