/**
 * Handwritten digits: IDX files as MNIST comes in (LeCun, Cortes and Burges, "The MNIST database of handwritten
 * digits"), unpacked. Left out: IDX of other element types than bytes.
 */

import { UserError } from '#core/errors';
import type { RandomSource } from '#training/random';

/** Rows and columns of a digit's picture. */
export const side = 28;
export const pixels = side * side;
export const classes = 10;

export interface Digits {
  readonly count: number;
  /** [count, 28, 28], 0 the paper, 255 the ink. */
  readonly images: Uint8Array;
  /** [count], 0 to 9. */
  readonly labels: Uint8Array;
}

export interface DigitSets {
  readonly training: Digits;
  readonly test: Digits;
}

/** An array of bytes with its sizes. @throws UserError `lab.idx` */
export function readIdx(bytes: Uint8Array, name: string): { readonly shape: number[]; readonly data: Uint8Array } {
  const refuse = (got: string): never => {
    const message = `${name} is no IDX file of bytes (${got}); expected MNIST's files, unpacked or as .gz.`;
    throw new UserError('lab.idx', message);
  };
  if (bytes.length < 4) return refuse(`${bytes.length} bytes long`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [zeros, type, rank] = [view.getUint16(0), bytes[2]!, bytes[3]!];
  if (zeros !== 0 || type !== 8 || rank < 1) return refuse(`it begins with ${[...bytes.slice(0, 4)].join(' ')}`);
  const start = 4 + 4 * rank;
  if (bytes.length < start) return refuse(`its header is cut short`);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== start + size) return refuse(`[${shape}] wants ${size} bytes, ${bytes.length - start} are there`);
  return { shape, data: bytes.subarray(start) };
}

export interface IdxFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** @throws UserError `lab.idx` for files that are none or do not belong together */
export function readDigits(images: IdxFile, labels: IdxFile): Digits {
  const pictures = readIdx(images.bytes, images.name);
  const answers = readIdx(labels.bytes, labels.name);
  const [count = 0, height, width] = pictures.shape;
  if (pictures.shape.length !== 3 || height !== side || width !== side || count === 0) {
    throw new UserError('lab.idx', `${images.name} holds [${pictures.shape}], expected [count, ${side}, ${side}].`);
  }
  if (answers.shape.length !== 1 || answers.shape[0] !== count) {
    const message = `${labels.name} holds [${answers.shape}] labels for ${count} pictures of ${images.name}.`;
    throw new UserError('lab.idx', message);
  }
  const wrong = answers.data.find((label) => label >= classes);
  if (wrong !== undefined) throw new UserError('lab.idx', `${labels.name} holds the label ${wrong}, expected 0 to 9.`);
  return { count, images: pictures.data, labels: answers.data };
}

/** The first `count` of them. */
export function firstDigits(digits: Digits, count: number): Digits {
  const kept = Math.min(count, digits.count);
  return { count: kept, images: digits.images.subarray(0, kept * pixels), labels: digits.labels.subarray(0, kept) };
}

/**
 * Goes through the digits in an order that is drawn anew for each epoch. The order follows from the seed and the place
 * alone, so that a run that is resumed at a step goes on with the digits that it would have had.
 */
export function shuffled(count: number, seed: number, makeRandom: (seed: number) => RandomSource) {
  let epochOfOrder = -1;
  const order = new Uint32Array(count);
  return (place: number): number => {
    const epoch = Math.floor(place / count);
    if (epoch !== epochOfOrder) {
      const random = makeRandom(seed + epoch);
      for (let i = 0; i < count; i++) order[i] = i;
      for (let i = count - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      epochOfOrder = epoch;
    }
    return order[place % count]!;
  };
}
