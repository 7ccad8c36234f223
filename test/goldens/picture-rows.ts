/** Checks of the sections `preview`, `resize`, `mask_blur`, `vae_range` and `latent_mask_blend` of numeric/images.json. */

import { blendUnmasked } from '#pipelines/denoiser';
import { previewLatent } from '#pipelines/latents';
import { blurAxis, byteKernel, gaussianKernel } from '#pipelines/mask';
import { byteOf, planesOf } from '#pipelines/planes';
import { type PlaneSize, type ResampleFilter, resizePlanes } from '#pipelines/resample';
import { absoluteError, flatNumbers, type RowCheck, relativeError } from './row-check.ts';

type Nested = readonly (number | Nested)[];

interface ResizeRow {
  readonly mode?: string;
  readonly filter?: string;
  readonly antialias?: boolean;
  readonly align_corners?: boolean;
  readonly size: readonly [height: number, width: number];
  readonly output_chw?: Nested;
  readonly output_hw?: Nested;
}

interface BlurRow {
  readonly blur_x: number;
  readonly blur_y: number;
  readonly kernel_x: readonly number[];
  readonly kernel_y: readonly number[];
  readonly float: Nested;
  readonly opencv_u8: Nested;
}

export interface PicturesFile {
  readonly preview: readonly {
    readonly model: string;
    readonly matrix_4x3: readonly (readonly number[])[];
    readonly latent_chw: Nested;
    readonly u8_hw3: Nested;
  }[];
  readonly resize: {
    readonly input_chw: Nested;
    readonly torch: readonly ResizeRow[];
    readonly torch_align_corners: readonly ResizeRow[];
    readonly pil_float32_channel0: readonly ResizeRow[];
    readonly pil_u8: { readonly input_hw: Nested; readonly cases: readonly ResizeRow[] };
  };
  readonly mask_blur: { readonly input_hw: Nested; readonly cases: readonly BlurRow[] };
  readonly vae_range: {
    readonly tensor: readonly number[];
    readonly u8_floor_a1111: readonly number[];
    readonly u8_in: readonly number[];
    readonly tensor_from_u8: readonly number[];
  };
  readonly latent_mask_blend: Readonly<Record<'init' | 'denoised' | 'mask' | 'result', Nested>>;
}

export function pictureChecks(file: PicturesFile): RowCheck[] {
  return [
    ...previewChecks(file),
    ...resizeChecks(file),
    ...blurChecks(file),
    ...rangeChecks(file),
    ...blendChecks(file),
  ];
}

/** Height and width of nested planes. */
function planeSize(value: Nested): PlaneSize {
  const rows = Array.isArray(value[0]) && Array.isArray((value[0] as Nested)[0]) ? (value[0] as Nested) : value;
  return { height: rows.length, width: (rows[0] as Nested).length };
}

function previewChecks({ preview }: PicturesFile): RowCheck[] {
  return preview.map(({ model, matrix_4x3, latent_chw, u8_hw3 }) => {
    const image = previewLatent(flatNumbers(latent_chw), matrix_4x3, planeSize(latent_chw));
    return { name: `preview ${model}`, error: absoluteError(image.data, flatNumbers(u8_hw3)), tolerance: 0 };
  });
}

function filterOf({ mode, filter, antialias, align_corners }: ResizeRow): ResampleFilter {
  if (align_corners) return `corners-${mode as 'bilinear' | 'bicubic'}`;
  if (filter === 'nearest') return 'nearest-exact';
  if (mode === 'nearest') return 'nearest-floor';
  if (mode && !antialias && mode.startsWith('bi')) return `point-${mode as 'bilinear' | 'bicubic'}`;
  return (mode ?? filter) as ResampleFilter;
}

function resizeChecks({ resize }: PicturesFile): RowCheck[] {
  const input = Float64Array.from(flatNumbers(resize.input_chw));
  const from = planeSize(resize.input_chw);
  const bytes = Float64Array.from(flatNumbers(resize.pil_u8.input_hw));
  const fromBytes = planeSize(resize.pil_u8.input_hw);
  const toByte = (v: number): number => Math.min(Math.max(Math.round(v), 0), 255);
  const check = (kind: string, row: ResizeRow, tolerance: number): RowCheck => {
    const [height, width] = row.size;
    const first = input.subarray(0, from.height * from.width);
    const got =
      kind === 'pil u8'
        ? resizePlanes(bytes, fromBytes, { height, width }, filterOf(row), toByte)
        : resizePlanes(row.output_hw ? first : input, from, { height, width }, filterOf(row));
    const want = flatNumbers(row.output_chw ?? row.output_hw);
    const error = kind === 'pil u8' ? absoluteError(got, want) : relativeError(got, want);
    return { name: `resize ${kind} ${filterOf(row)} to ${height}x${width}`, error, tolerance };
  };
  return [
    ...[...resize.torch, ...resize.torch_align_corners].map((row) => check('torch', row, 1e-6)),
    ...resize.pil_float32_channel0.map((row) => check('pil float', row, 1e-5)),
    ...resize.pil_u8.cases.map((row) => check('pil u8', row, 1)),
  ];
}

function blurChecks({ mask_blur: { input_hw, cases } }: PicturesFile): RowCheck[] {
  const input = flatNumbers(input_hw);
  const { height, width } = planeSize(input_hw);
  return cases.flatMap((row) => {
    const name = `mask blur ${row.blur_x} x ${row.blur_y}`;
    const kernels = [row.blur_x, row.blur_y].map((sigma) => (sigma === 0 ? Float64Array.of() : gaussianKernel(sigma)));
    const pass = (data: ArrayLike<number>, axis: 0 | 1, onBytes = false): ArrayLike<number> => {
      const kernel = onBytes ? byteKernel(kernels[axis]!) : kernels[axis]!;
      if (kernels[axis]!.length === 0) return data;
      return axis === 0 ? blurAxis(data, width, 1, kernel) : blurAxis(data, height, width, kernel);
    };
    const bytes = Array.from(pass(pass(input, 0, true), 1, true), Math.round);
    return [
      { name: `${name} kernel x`, error: absoluteError(kernels[0]!, row.kernel_x), tolerance: 1e-6 },
      { name: `${name} kernel y`, error: absoluteError(kernels[1]!, row.kernel_y), tolerance: 1e-6 },
      { name, error: relativeError(pass(pass(input, 0), 1), flatNumbers(row.float)), tolerance: 1e-6 },
      {
        name: `${name} bytes`,
        error: absoluteError(bytes, flatNumbers(row.opencv_u8)),
        tolerance: 1,
      },
    ];
  });
}

function rangeChecks({ vae_range: range }: PicturesFile): RowCheck[] {
  const pixels = Uint8Array.from(range.u8_in);
  const planes = planesOf({ width: pixels.length, height: 1, channels: 1, data: pixels }).subarray(0, pixels.length);
  return [
    { name: 'vae range to bytes', error: absoluteError(range.tensor.map(byteOf), range.u8_floor_a1111), tolerance: 0 },
    { name: 'vae range from bytes', error: absoluteError(planes, range.tensor_from_u8), tolerance: 1e-6 },
  ];
}

function blendChecks({ latent_mask_blend: { init, denoised, mask, result } }: PicturesFile): RowCheck[] {
  const latent = Float64Array.from(flatNumbers(denoised));
  blendUnmasked(latent, Float32Array.from(flatNumbers(init)), Float32Array.from(flatNumbers(mask)));
  return [{ name: 'latent mask blend', error: relativeError(latent, flatNumbers(result)), tolerance: 1e-6 }];
}
