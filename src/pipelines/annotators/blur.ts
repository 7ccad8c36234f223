/** Gaussian blur as OpenCV's `GaussianBlur` with a kernel length of its own choice; edges mirror without repeating. */

import { byteKernel } from '../mask.ts';
import { mirrored } from '../planes.ts';

/** [height, width, channels] in; `bytes`: kernels and result in OpenCV's fixed point for 8 bits, else in floats. */
export function gaussianBlur(
  data: ArrayLike<number>,
  { width, height, channels }: { readonly width: number; readonly height: number; readonly channels: number },
  sigma: number,
  bytes: boolean,
): Float64Array {
  const weights = kernelOf(sigma, bytes ? 3 : 4);
  const kernel = bytes ? byteKernel(weights) : weights;
  const wide = blurLines(
    data,
    { length: width, stride: channels, lines: height, lineStride: width * channels, channels },
    kernel,
  );
  const shape = { length: height, stride: width * channels, lines: width, lineStride: channels, channels };
  const out = blurLines(wide, shape, kernel);
  return bytes ? out.map(Math.round) : out;
}

/** Normalised; its half is `reach` deviations. */
function kernelOf(sigma: number, reach: number): Float64Array {
  const half = Math.round(sigma * reach * 2 + 1) >> 1;
  const weights = Float64Array.from({ length: 2 * half + 1 }, (_, i) =>
    Math.exp(-((i - half) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

interface Lines {
  readonly length: number;
  /** From a cell to the next of its line. */
  readonly stride: number;
  readonly lines: number;
  readonly lineStride: number;
  readonly channels: number;
}

function blurLines(data: ArrayLike<number>, shape: Lines, kernel: Float64Array): Float64Array {
  const { length, stride, lines, lineStride, channels } = shape;
  const half = kernel.length >> 1;
  const out = new Float64Array(data.length);
  const line = new Float64Array(length + 2 * half);
  for (let l = 0; l < lines; l++) {
    for (let c = 0; c < channels; c++) {
      const start = l * lineStride + c;
      for (let i = -half; i < length + half; i++) line[i + half] = data[start + mirrored(i, length) * stride]!;
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * line[i + k]!;
        out[start + i * stride] = sum;
      }
    }
  }
  return out;
}
