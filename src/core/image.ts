/** Pictures as pixels: 8-bit, row-major, interleaved channels, sRGB. Codecs live at the edges (sharp, the browser). */

export interface PixelImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey (masks), 3 RGB, 4 RGBA with straight alpha */
  readonly channels: 1 | 3 | 4;
  /** [height, width, channels] */
  readonly data: Uint8Array;
}
