/** Predictions of the denoiser's network for the same latents under several conditions, in as few runs as they take. */

import { f32, type HostTensor } from '#core/tensor';
import type { Latent } from '#diffusion/numbers';
import type { Session } from '#engine/backend';
import { attentionMapOutput } from '#models/adjust/attention-map';
import { perturbInput } from '#models/adjust/perturbed-attention';
import type { Condition, DenoiserPart } from '#models/family';
import type { Context } from './conditioning.ts';
import type { StepControl } from './control/step-control.ts';
import { joinChannels } from './planes.ts';

/** [images, channels, height, width] of a batch's latents. */
export type BatchShape = readonly [images: number, channels: number, height: number, width: number];

export interface PredictOptions {
  readonly session: Session;
  readonly part: DenoiserPart;
  readonly shape: BatchShape;
  /** Of the picture that is made, pixels. */
  readonly size: Condition['size'];
  readonly told?: Condition['told'];
  /** Planes that follow the latent's channels, [images, inChannels - channels, height, width]; neither scaled nor noised. */
  readonly extra?: Float32Array | undefined;
  /** Feeds what its graph has beside its own inputs. */
  readonly control?: StepControl | undefined;
}

/** One prediction of a call. */
export interface Pass {
  readonly context: Context;
  /** With the attention that perturbed-attention guidance leads away from; a graph made for that wants it everywhere. */
  readonly perturbed?: boolean;
  readonly negative?: boolean;
  /** With zeros for the further planes. */
  readonly withoutExtra?: boolean;
}

export interface DenoiserCall {
  readonly x: Latent;
  readonly timestep: number;
  readonly sigma: number;
  /** Calls before this one. */
  readonly call: number;
}

export interface Predicted {
  readonly output: Latent;
  /** What its middle block looks at, [images, places], where the graph tells it. */
  readonly attention?: Float32Array | undefined;
}

/** Of each pass; those with contexts of equal length share a run. */
export async function predictAll(
  options: PredictOptions,
  at: DenoiserCall,
  passes: readonly Pass[],
): Promise<Predicted[]> {
  const predictions: Predicted[] = [];
  for (const tokens of new Set(passes.map(({ context }) => context.tokens))) {
    const indices = [...passes.keys()].filter((i) => passes[i]!.context.tokens === tokens);
    const group = await predict(
      options,
      at,
      indices.map((i) => passes[i]!),
    );
    for (const [k, i] of indices.entries()) predictions[i] = group[k]!;
  }
  return predictions;
}

/** Under contexts of one length, in one run. */
async function predict(
  options: PredictOptions,
  { x, timestep, sigma, call }: DenoiserCall,
  passes: readonly Pass[],
): Promise<Predicted[]> {
  const { session, part, shape, size: picture, told, control } = options;
  const [images, , height, width] = shape;
  const runs = passes.length * images;
  const contexts = passes.map(({ context }) => context);
  const { tokens } = contexts[0]!;
  const feeds = {
    sample: f32([runs, part.inChannels, height, width], samplesOf(options, x, passes)),
    timestep: f32([runs], new Float32Array(runs).fill(timestep)),
    context: f32(
      [runs, tokens, part.contextWidth],
      repeatRows(
        contexts.map(({ data }) => data),
        images,
      ),
    ),
    ...feedsOf(part, passes, { size: picture, told }, images),
    ...(passes.some(({ perturbed }) => perturbed !== undefined) ? perturbFeeds(passes, images) : {}),
  };
  const controlled = passes.map(({ negative = false }) => ({ negative }));
  const further = await control?.feeds({ feeds, passes: controlled, images, call, sigma, session });
  const { prediction, [attentionMapOutput]: map } = await session.run({ ...feeds, ...further });
  const share = (tensor: HostTensor, i: number): Float32Array => {
    const size = tensor.data.length / passes.length;
    return (tensor.data as Float32Array).subarray(i * size, (i + 1) * size);
  };
  return passes.map((_, i) => ({ output: share(prediction!, i), attention: map && share(map, i) }));
}

/** The latents once for each pass, with the further planes where there are any. */
function samplesOf({ shape, extra }: PredictOptions, x: Latent, passes: readonly Pass[]): Float32Array {
  const [images, , height, width] = shape;
  const own = x instanceof Float32Array ? x : Float32Array.from(x);
  const join = (planes: Float32Array): Float32Array => joinChannels(own, planes, images, height * width);
  const whole = extra ? join(extra) : own;
  const bare = extra && passes.some(({ withoutExtra }) => withoutExtra) ? join(new Float32Array(extra.length)) : own;
  const samples = new Float32Array(passes.length * whole.length);
  for (const [i, pass] of passes.entries()) samples.set(pass.withoutExtra ? bare : whole, i * whole.length);
  return samples;
}

function perturbFeeds(passes: readonly Pass[], images: number): Record<string, HostTensor> {
  const rows = passes.map(({ perturbed }) => Float32Array.of(perturbed ? 1 : 0));
  return { [perturbInput]: f32([passes.length * images], repeatRows(rows, images)) };
}

/** What the network reads beside latent, timestep and context, a row for each pass and image. */
function feedsOf(
  part: DenoiserPart,
  passes: readonly Pass[],
  picture: Pick<Condition, 'size' | 'told'>,
  images: number,
): Record<string, HostTensor> {
  const feeds = passes.map(({ context: { pooled }, negative = false }) =>
    part.feeds?.({ ...picture, pooled, negative }),
  );
  return Object.fromEntries(
    Object.entries(feeds[0] ?? {}).map(([name, { length }]) => {
      const rows = repeatRows(
        feeds.map((of) => of![name]!),
        images,
      );
      return [name, f32([passes.length * images, length], rows)];
    }),
  );
}

/** Each row once for every image, one after the other. */
function repeatRows(rows: readonly Float32Array[], images: number): Float32Array {
  const { length } = rows[0]!;
  const out = new Float32Array(rows.length * images * length);
  for (const [i, row] of rows.entries()) {
    for (let k = 0; k < images; k++) out.set(row, (i * images + k) * length);
  }
  return out;
}
