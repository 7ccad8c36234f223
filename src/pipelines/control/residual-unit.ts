/**
 * Units whose networks answer with what is added inside the denoiser: ControlNets at every call, T2I adapters once.
 * Weights by layer and sides of the guidance follow sd-webui-controlnet scripts/hook.py.
 */

import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Feeds, Session } from '#engine/backend';
import { type PlaneSize, resizePlanes } from '../resample.ts';
import type { ControlledCall } from './step-control.ts';
import type { ControlUnit } from './unit.ts';

/** What every unit of this kind knows. */
export interface ResidualUnit {
  readonly unit: ControlUnit;
  /** [h, w] of the latent, 0..1: where it acts; everywhere when left out. */
  readonly region: Float32Array | undefined;
  readonly latentSize: PlaneSize;
  /** One row for each of the passes `acting`, by input name. */
  answers(call: ControlledCall, acting: readonly number[]): Promise<Readonly<Record<string, HostTensor>>>;
  /** Where neither prompt nor balance come first, layers count differently. */
  softWeight(name: string, place: number): number;
}

/** Further from the output, less weight: 0.825^(12 - i), whatever the number of layers. */
export function softControlNetWeight(place: number): number {
  return 0.825 ** (12 - place);
}

const softAdapterWeights = [0.25, 0.62, 0.825, 1];

export function softAdapterWeight(level: number): number {
  return softAdapterWeights[Math.min(level, softAdapterWeights.length - 1)]!;
}

/** Adds what the units answer to feeds of zeros for these inputs. */
export async function residualFeeds(
  units: readonly ResidualUnit[],
  inputs: readonly { readonly name: string; readonly shape: readonly number[] }[],
  call: ControlledCall,
): Promise<Feeds> {
  const rows = call.passes.length * call.images;
  const sums = new Map(inputs.map(({ name, shape }) => [name, new Float32Array(rows * sizeOfRow(shape))]));
  for (const each of units) {
    const isOneSided = each.unit.controlMode === 'control';
    const acting = [...call.passes.keys()].filter((i) => !(isOneSided && call.passes[i]!.negative));
    if (acting.length === 0) continue;
    const answers = await each.answers(call, acting);
    for (const [place, { name, shape }] of inputs.entries()) {
      const answer = answers[name];
      if (answer) addRows(sums.get(name)!, answer, { each, name, place, shape, acting, images: call.images });
    }
  }
  return Object.fromEntries(inputs.map(({ name, shape }) => [name, f32([rows, ...shape], sums.get(name)!)]));
}

interface AddedRows {
  readonly each: ResidualUnit;
  readonly name: string;
  readonly place: number;
  readonly shape: readonly number[];
  readonly acting: readonly number[];
  readonly images: number;
}

function addRows(sum: Float32Array, answer: HostTensor, { each, name, place, shape, acting, images }: AddedRows): void {
  const { unit, region, latentSize } = each;
  const factor = unit.weight * (unit.controlMode === 'balanced' ? 1 : each.softWeight(name, place));
  const [, height = 1, width = 1] = shape;
  const weights = region && resizePlanes(region, latentSize, { height, width }, 'area');
  const size = sizeOfRow(shape);
  const data = toF32(answer);
  const rowsAnswered = data.length / size;
  for (const [k, pass] of acting.entries()) {
    for (let image = 0; image < images; image++) {
      const from = ((k * images + image) % rowsAnswered) * size;
      const to = (pass * images + image) * size;
      for (let i = 0; i < size; i++) {
        sum[to + i]! += factor * data[from + i]! * (weights ? weights[i % weights.length]! : 1);
      }
    }
  }
}

const sizeOfRow = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The rows of some passes. */
export function rowsOf(tensor: HostTensor, passes: readonly number[], images: number): HostTensor {
  const data = toF32(tensor);
  const size = (data.length / tensor.shape[0]!) * images;
  const out = new Float32Array(passes.length * size);
  for (const [k, pass] of passes.entries()) out.set(data.subarray(pass * size, (pass + 1) * size), k * size);
  return f32([passes.length * images, ...tensor.shape.slice(1)], out);
}

/** The first channels of [n, c, ...]. */
export function firstChannels(tensor: HostTensor, channels: number): HostTensor {
  const [rows, own, ...rest] = tensor.shape as [number, number, ...number[]];
  if (own === channels) return tensor;
  const data = toF32(tensor);
  const [size, kept] = [data.length / rows, (data.length / rows / own) * channels];
  const out = new Float32Array(rows * kept);
  for (let r = 0; r < rows; r++) out.set(data.subarray(r * size, r * size + kept), r * kept);
  return f32([rows, channels, ...rest], out);
}

/** [c, h, w], once for each row. */
export function repeatedRows(planes: Float32Array, shape: readonly number[], rows: number): HostTensor {
  const out = new Float32Array(rows * planes.length);
  for (let i = 0; i < rows; i++) out.set(planes, i * planes.length);
  return f32([rows, ...shape], out);
}

/** A ControlNet asked about the passes that it acts on. */
export function controlNetAnswers(
  session: Session,
  {
    channels,
    hint,
    hintShape,
    branches,
  }: {
    /** Of the latent that it reads; what an inpainting model has besides is not for it. */
    readonly channels: number;
    readonly hint: Float32Array;
    readonly hintShape: readonly number[];
    readonly branches: Feeds;
  },
): ResidualUnit['answers'] {
  const own = new Set(session.graph.inputs.map(({ attrs }) => attrs.name));
  return async ({ feeds, images }, acting) => {
    const taken = Object.entries(feeds).filter(([name]) => own.has(name));
    const rows = Object.fromEntries(taken.map(([name, tensor]) => [name, rowsOf(tensor, acting, images)]));
    return await session.run({
      ...rows,
      sample: firstChannels(rows.sample!, channels),
      hint: repeatedRows(hint, hintShape, acting.length * images),
      ...branches,
    });
  };
}
