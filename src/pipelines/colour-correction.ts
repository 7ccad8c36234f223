/**
 * The colours of a picture brought back to those of the one it was made from: histograms matched channel by channel in
 * CIELAB, and the luminosity of the painted picture kept.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/processing.py (`apply_color_correction`); W3C Compositing 1, section
 * "luminosity" for the blend.
 */

import type { PixelImage } from '#core/image';

/** Both RGB; the result has `painted`'s size and light with `original`'s spread of colours. */
export function correctColours(painted: PixelImage, original: PixelImage): PixelImage {
  const [lab, wanted] = [labOf(painted), labOf(original)];
  const matched = lab.map((channel, c) => matched1(channel, wanted[c]!));
  const data = new Uint8Array(painted.data.length);
  for (let i = 0; i < painted.width * painted.height; i++) {
    const colour = rgbOf(matched[0]![i]!, matched[1]![i]!, matched[2]![i]!);
    const own = [0, 1, 2].map((c) => painted.data[3 * i + c]! / 255) as [number, number, number];
    const set = withLuminosity(colour, luminosity(own));
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round(Math.min(Math.max(set[c]!, 0), 1) * 255);
  }
  return { ...painted, data };
}

/** Each value becomes the wanted one of the same rank. */
function matched1(values: Float32Array, wanted: Float32Array): Float32Array {
  const sorted = Float32Array.from(wanted).sort();
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
  const out = new Float32Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    // Equal values stay equal.
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    const at = Math.min(Math.floor(((start + end) / 2 / order.length) * sorted.length), sorted.length - 1);
    for (let k = start; k < end; k++) out[order[k]!] = sorted[at]!;
    start = end;
  }
  return out;
}

const white = [0.950456, 1, 1.088754] as const;

/** L, a, b planes of an sRGB picture, D65. */
function labOf({ width, height, data }: PixelImage): Float32Array[] {
  const planes = [0, 1, 2].map(() => new Float32Array(width * height));
  const linear = Float64Array.from({ length: 256 }, (_, v) =>
    v / 255 > 0.04045 ? ((v / 255 + 0.055) / 1.055) ** 2.4 : v / 255 / 12.92,
  );
  const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = [linear[data[3 * i]!]!, linear[data[3 * i + 1]!]!, linear[data[3 * i + 2]!]!];
    const x = f((0.412453 * r + 0.35758 * g + 0.180423 * b) / white[0]);
    const y = f((0.212671 * r + 0.71516 * g + 0.072169 * b) / white[1]);
    const z = f((0.019334 * r + 0.119193 * g + 0.950227 * b) / white[2]);
    planes[0]![i] = 116 * y - 16;
    planes[1]![i] = 500 * (x - y);
    planes[2]![i] = 200 * (y - z);
  }
  return planes;
}

function rgbOf(l: number, a: number, b: number): [number, number, number] {
  const y = (l + 16) / 116;
  const back = (t: number): number => (t ** 3 > 0.008856 ? t ** 3 : (t - 16 / 116) / 7.787);
  const [x, yy, z] = [white[0] * back(y + a / 500), white[1] * back(y), white[2] * back(y - b / 200)];
  const encode = (v: number): number => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  return [
    encode(3.240479 * x - 1.53715 * yy - 0.498535 * z),
    encode(-0.969256 * x + 1.875991 * yy + 0.041556 * z),
    encode(0.055648 * x - 0.204043 * yy + 1.057311 * z),
  ].map((v) => Math.min(Math.max(v, 0), 1)) as [number, number, number];
}

function luminosity([r, g, b]: readonly [number, number, number]): number {
  return 0.3 * r + 0.59 * g + 0.11 * b;
}

/** The colour at another light, brought back into range towards grey. */
function withLuminosity(colour: readonly [number, number, number], light: number): number[] {
  const moved = colour.map((v) => v + light - luminosity(colour));
  const [least, most] = [Math.min(...moved), Math.max(...moved)];
  const grey = luminosity(moved as [number, number, number]);
  return moved.map((v) => {
    if (least < 0) return grey + ((v - grey) * grey) / (grey - least);
    return most > 1 ? grey + ((v - grey) * (1 - grey)) / (most - grey) : v;
  });
}
