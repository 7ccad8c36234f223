/** Reads the digits of a line: the post office's demonstration of LeNet. */

import type { PixelImage } from '#core/image';
import { classes, pixels } from '../data/digits.ts';
import type { DigitReader } from '../lenet/read.ts';
import { inkOn } from './ink.ts';
import { normalised } from './normalise.ts';
import { type Box, segment } from './segment.ts';

export interface ReadSign extends Box {
  /** A digit or a dash. */
  readonly text: string;
  /** Share of the answer among all, by the softmax of the scores; 1 for a dash. */
  readonly confidence: number;
}

export interface ReadLine {
  readonly text: string;
  /** From left to right; boxes are in the picture's pixels. */
  readonly signs: readonly ReadSign[];
  /** What the network saw, [count, 28, 28], a picture for each digit. */
  readonly seen: Float32Array;
}

export async function readLine(image: PixelImage, reader: DigitReader): Promise<ReadLine> {
  const ink = inkOn(image);
  const segmented = segment(ink);
  const digits = segmented.signs.filter(({ kind }) => kind === 'digit');
  const seen = new Float32Array(digits.length * pixels);
  digits.forEach((sign, n) => {
    seen.set(normalised(sign, ink, segmented), n * pixels);
  });
  const { answers, scores } = await reader.read(seen);
  const signs = segmented.signs.map(({ left, top, right, bottom, kind }, i): ReadSign => {
    const box = { left, top, right, bottom };
    if (kind === 'dash') return { ...box, text: '-', confidence: 1 };
    const n = digits.indexOf(segmented.signs[i]!);
    return { ...box, text: String(answers[n]), confidence: share(scores.subarray(n * classes, (n + 1) * classes)) };
  });
  return { text: signs.map(({ text }) => text).join(''), signs, seen };
}

/** Of the largest, by softmax. */
function share(scores: Float32Array): number {
  const top = Math.max(...scores);
  return 1 / scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
}
