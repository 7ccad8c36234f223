/**
 * Faces as networks that restore them expect: turned, scaled and moved so that five points lie where they do in FFHQ's
 * crops, and the way back.
 *
 * Source: facexlib utils/face_restoration_helper.py (template of 512 pixels, `align_warp_face`). The transform is the
 * least-squares similarity of all five points, where OpenCV's estimator leaves out the odd ones. Pixels beyond the
 * picture are its nearest ones. The way back fades over the outer tenth of the crop; facexlib's parsing network, which
 * finds hair and skin, is left out.
 */

import type { PixelImage } from '#core/image';

export type Point = readonly [x: number, y: number];

/** Eyes, nose and corners of the mouth, from the left of the picture, of 512. */
const template: readonly Point[] = [
  [192.98138, 239.94708],
  [318.90277, 240.1936],
  [256.63416, 314.01935],
  [201.26117, 371.41043],
  [313.08905, 371.15118],
];
const templateSide = 512;

/** (x, y) -> (a x - b y + tx, b x + a y + ty) */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly tx: number;
  readonly ty: number;
}

/** From a picture with a face at `points` to its crop of `side` pixels. */
export function toCrop(points: readonly Point[], side: number): Similarity {
  const goal = template.map(([x, y]): Point => [(x * side) / templateSide, (y * side) / templateSide]);
  const [from, to] = [centreOf(points), centreOf(goal)];
  let [a, b, length] = [0, 0, 0];
  for (const [i, [px, py]] of points.entries()) {
    const [x, y] = [px - from[0], py - from[1]];
    const [u, v] = [goal[i]![0] - to[0], goal[i]![1] - to[1]];
    a += x * u + y * v;
    b += x * v - y * u;
    length += x * x + y * y;
  }
  [a, b] = [a / length, b / length];
  return { a, b, tx: to[0] - a * from[0] + b * from[1], ty: to[1] - b * from[0] - a * from[1] };
}

export function applied({ a, b, tx, ty }: Similarity, [x, y]: Point): Point {
  return [a * x - b * y + tx, b * x + a * y + ty];
}

function inverted({ a, b, tx, ty }: Similarity): Similarity {
  const length = a * a + b * b;
  const [c, d] = [a / length, -b / length];
  return { a: c, b: d, tx: -c * tx + d * ty, ty: -d * tx - c * ty };
}

function centreOf(points: readonly Point[]): Point {
  const sum = points.reduce(([x, y], [px, py]): Point => [x + px, y + py], [0, 0] as Point);
  return [sum[0] / points.length, sum[1] / points.length];
}

/** RGB of `side` x `side`. */
export function cropOf(image: PixelImage, similarity: Similarity, side: number): PixelImage {
  const back = inverted(similarity);
  const data = new Uint8Array(3 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = applied(back, [x, y]);
      for (let c = 0; c < 3; c++) data[3 * (y * side + x) + c] = Math.round(sample(image, from, c));
    }
  }
  return { width: side, height: side, channels: 3, data };
}

/** The RGB picture with a crop back in its place, `visibility` of it. */
export function withCrop(image: PixelImage, crop: PixelImage, similarity: Similarity, visibility: number): PixelImage {
  const side = crop.width;
  const fade = side / 10;
  const data = image.data.slice();
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      const at = applied(similarity, [x, y]);
      const edge = Math.min(at[0], at[1], side - 1 - at[0], side - 1 - at[1]);
      if (edge <= 0) continue;
      const weight = visibility * Math.min(1, edge / fade);
      for (let c = 0; c < 3; c++) {
        const i = image.channels * (y * image.width + x) + c;
        data[i] = Math.round(data[i]! * (1 - weight) + sample(crop, at, c) * weight);
      }
    }
  }
  return { ...image, data };
}

/** Between the four nearest pixels. */
function sample({ width, height, channels, data }: PixelImage, [x, y]: Point, c: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, down] = [x - left, y - top];
  const inside = (value: number, length: number): number => Math.min(Math.max(value, 0), length - 1);
  const at = (column: number, row: number): number =>
    data[channels * (inside(row, height) * width + inside(column, width)) + c]!;
  const above = at(left, top) * (1 - right) + at(left + 1, top) * right;
  const below = at(left, top + 1) * (1 - right) + at(left + 1, top + 1) * right;
  return above * (1 - down) + below * down;
}
