/** Checks of the sections `slerp`, `variation` and `guidance` of numeric/images.json. */

import { classifierFree, composable, dynamicThreshold, instructPix2Pix, rescaleGuidance } from '#diffusion/guidance';
import { createNoiseSource, type LatentShape, slerp } from '#diffusion/noise-source';
import { absoluteError, flatNumbers, type RowCheck, relativeError } from './row-check.ts';

interface VariationRow {
  readonly source: 'CPU' | 'NV';
  readonly seed?: number;
  readonly seeds?: readonly number[];
  readonly subseed?: number;
  readonly strength?: number;
  readonly seed_resize_from_w?: number;
  readonly seed_resize_from_h?: number;
  readonly ensd?: number;
  readonly shape: LatentShape;
  readonly first: unknown;
  readonly next?: unknown;
}

export interface NoiseGuidanceSections {
  readonly slerp: readonly { case: string; val: number; low: unknown; high: unknown; result: unknown }[];
  readonly variation: readonly VariationRow[];
  readonly guidance: {
    readonly cond_bchw: unknown[];
    readonly uncond_bchw: unknown[];
    readonly cfg: readonly { scale: number; result: unknown }[];
    readonly composable: { conds: unknown[]; weights: number[]; uncond: unknown; scale: number; result: unknown };
    readonly instruct_pix2pix: Record<'cond' | 'img' | 'uncond' | 'result', unknown> &
      Record<'cfg' | 'img_cfg', number>;
    readonly cfg_rescale: readonly { scale: number; phi: number; result: unknown }[];
    readonly dynamic_thresholding: {
      readonly input_bchw: unknown[];
      readonly cases: readonly { ratio: number; max_value: number; result: unknown }[];
    };
  };
}

const mathTolerance = 1e-6;
const noiseTolerance = 5e-6;

export function* checkNoiseAndGuidance(file: NoiseGuidanceSections): Generator<RowCheck> {
  for (const row of file.slerp) {
    const got = slerp(row.val, doubles(row.low), doubles(row.high), shapeOf(row.low));
    yield math(`slerp/${row.case}/${row.val}`, got, row.result);
  }
  for (const [i, row] of file.variation.entries()) yield* variationChecks(`variation/${i}/${row.source}`, row);
  yield* guidanceChecks(file.guidance);
}

function math(name: string, got: ArrayLike<number>, expected: unknown): RowCheck {
  return { name, error: relativeError(got, flatNumbers(expected)), tolerance: mathTolerance };
}

function doubles(value: unknown): Float64Array {
  return Float64Array.from(flatNumbers(value));
}

function shapeOf(value: unknown): LatentShape {
  const [first] = value as unknown[][][];
  return [(value as unknown[]).length, first!.length, first![0]!.length];
}

function* variationChecks(name: string, row: VariationRow): Generator<RowCheck> {
  const seeds = row.seeds ?? [row.seed!];
  const { strength = 0, subseed, seed_resize_from_h: height, seed_resize_from_w: width, ensd } = row;
  const source = createNoiseSource({
    kind: row.source === 'CPU' ? 'cpu' : 'gpu',
    seeds,
    shape: row.shape,
    ...(subseed !== undefined && { variation: { seeds: [subseed], strength } }),
    ...(height && width && { resizeFrom: { height: Math.floor(height / 8), width: Math.floor(width / 8) } }),
    ...(ensd !== undefined && { etaNoiseSeedDelta: ensd }),
  });
  const noise = (part: string, got: Float32Array, recorded: unknown): RowCheck => {
    // Of one image's second draw the file holds the first channel only.
    const expected = flatNumbers(recorded);
    const error = absoluteError(got.subarray(0, expected.length), expected);
    return { name: `${name}/${part}`, error, tolerance: noiseTolerance };
  };
  yield noise('first', source.first(), row.first);
  const next = source.next();
  if (row.next !== undefined) yield noise('next', next, row.next);
}

function* guidanceChecks(section: NoiseGuidanceSections['guidance']): Generator<RowCheck> {
  const cond = doubles(section.cond_bchw);
  const uncond = doubles(section.uncond_bchw);
  const batch = section.cond_bchw.length;
  for (const { scale, result } of section.cfg) {
    yield math(`guidance/cfg/${scale}`, classifierFree(uncond, cond, scale), result);
  }
  const and = section.composable;
  const combined = composable(doubles(and.uncond), and.conds.map(doubles), and.weights, and.scale);
  yield math('guidance/composable', combined, and.result);
  const edit = section.instruct_pix2pix;
  const edited = instructPix2Pix(doubles(edit.uncond), doubles(edit.img), doubles(edit.cond), edit.cfg, edit.img_cfg);
  yield math('guidance/instruct_pix2pix', edited, edit.result);
  for (const { scale, phi, result } of section.cfg_rescale) {
    const rescaled = rescaleGuidance(classifierFree(uncond, cond, scale), cond, phi, batch);
    yield math(`guidance/cfg_rescale/${scale}/${phi}`, rescaled, result);
  }
  const { input_bchw: input, cases } = section.dynamic_thresholding;
  for (const { ratio, max_value, result } of cases) {
    const clipped = dynamicThreshold(doubles(input), ratio, max_value, input.length);
    yield math(`guidance/dynamic_thresholding/${ratio}/${max_value}`, clipped, result);
  }
}
