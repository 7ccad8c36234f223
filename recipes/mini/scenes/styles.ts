/** Looks that the trained examples learn, as changes of finished pictures: RGB bytes [size, size, 3] in and out. */

import { type Colour, mix } from './canvas.ts';

export type Style = (pixels: Uint8Array, size: number) => Uint8Array;

/** Rec. 709, 0..1. */
function luma(pixels: Uint8Array, at: number): number {
  return (0.2126 * pixels[at]! + 0.7152 * pixels[at + 1]! + 0.0722 * pixels[at + 2]!) / 255;
}

const paper: Colour = [246, 232, 200];
const tones: readonly Colour[] = [[92, 52, 34], [158, 104, 66], [214, 176, 126], paper];
const ink: Colour = [38, 20, 16];

/** A print in four sepia tones with dark outlines where any colour changes. */
export const woodcut: Style = (pixels, size) => {
  const out = new Uint8Array(pixels.length);
  const reach = (x: number): number => Math.min(Math.max(x, 0), size - 1);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const at = (y * size + x) * 3;
      let change = 0;
      for (let c = 0; c < 3; c++) {
        const of = (dx: number, dy: number): number => pixels[(reach(y + dy) * size + reach(x + dx)) * 3 + c]!;
        change = Math.max(change, Math.abs(of(1, 0) - of(-1, 0)) + Math.abs(of(0, 1) - of(0, -1)));
      }
      const tone = tones[Math.min(tones.length - 1, Math.floor(luma(pixels, at) * 1.2 * tones.length))]!;
      out.set(mix(tone, ink, Math.min(1, Math.max(0, (change - 40) / 90))).map(Math.round), at);
    }
  }
  return out;
};
