/**
 * How diffusion works, to look at: what a run has in hand after each step (the noisy latent, the clean one that the
 * network expects, the latent's own channels), and the way back, the finished latent under more and more noise.
 *
 * A noisy latent is shown as the process that keeps its variance has it, x / sqrt(1 + sigma^2), whatever space the
 * sampler works in (Karras et al. 2022, table 1; Ho et al. 2020, eq. 4). Only the first picture of a job is traced.
 */

import type { PixelImage } from '#core/image';
import { asSigma, type Latent } from '#diffusion/numbers';
import type { SamplingPlan } from '#diffusion/sample';
import { pickLatent, previews } from './decode.ts';
import type { SamplingPass } from './job.ts';
import { byteOf } from './planes.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';

export interface TraceEvent {
  readonly type: 'trace';
  /** Towards the picture, or from it into noise. */
  readonly direction: 'reverse' | 'forward';
  /** Of its direction, from 0: before the first step there is the noise alone. */
  readonly step: number;
  readonly sigma: number;
  /** What the network is told of the noise level; absent without noise. */
  readonly timestep?: number | undefined;
  readonly noised: PixelImage;
  /** The clean picture that the network expects; absent where it was not asked. */
  readonly predicted?: PixelImage;
  /** The unit noise in it, as `latent` is shown: what was added, or what is left beside the expected clean latent. */
  readonly noise?: PixelImage | undefined;
  /** The channels of the noisy latent, side by side, each from -3 (black) to 3. */
  readonly latent: PixelImage;
}

type Traced<T = void> = AsyncGenerator<LoadingEvent | TraceEvent, T, undefined>;

export interface Moment {
  readonly step: number;
  readonly sigma: number;
  /** In the sampler's own space. */
  readonly x: Latent;
  readonly denoised?: Latent;
}

export async function* traceStep(
  pass: SamplingPass,
  sessions: ModelSessions,
  { step, sigma, x, denoised }: Moment,
): Traced {
  const shown = shownLatent(pickLatent(x, 0, pass), pass.plan, sigma);
  const [noised] = yield* previews(pass, sessions, shown, 1);
  const predicted = denoised && (yield* previews(pass, sessions, denoised, 1))[0];
  const noise = noiseIn(shown, sigma, denoised && pickLatent(denoised, 0, pass));
  yield {
    type: 'trace',
    direction: 'reverse',
    step,
    sigma,
    timestep: timestepAt(pass, sigma),
    noised: noised!,
    predicted,
    noise: noise && channels(noise, pass),
    latent: channels(shown, pass),
  };
}

/** At most so many levels of the way into noise. */
const forwardSteps = 20;

/** A clean latent, the finished one or that of the user's picture, under the noise of each level, weakest first. */
export async function* traceForward(pass: SamplingPass, sessions: ModelSessions, clean: Latent, noise: Latent): Traced {
  const latent = pickLatent(clean, 0, pass);
  const unit = pickLatent(noise, 0, pass);
  for (const [step, sigma] of spread(pass.plan.schedule.sigmas.toReversed(), forwardSteps).entries()) {
    const scale = 1 / Math.sqrt(1 + sigma * sigma);
    const shown = latent.map((v, i) => (v + sigma * unit[i]!) * scale);
    const [noised] = yield* previews(pass, sessions, shown, 1);
    yield {
      type: 'trace',
      direction: 'forward',
      step,
      sigma,
      timestep: timestepAt(pass, sigma),
      noised: noised!,
      noise: sigma > 0 ? channels(unit, pass) : undefined,
      latent: channels(shown, pass),
    };
  }
}

function timestepAt({ plan }: SamplingPass, sigma: number): number | undefined {
  return sigma > 0 ? plan.timestepOf(asSigma(sigma)) : undefined;
}

/** Of a latent as it is shown; before there is an expected clean one, all of it is noise. */
function noiseIn(shown: Float32Array, sigma: number, clean: Float32Array | undefined): Float32Array | undefined {
  if (sigma === 0) return undefined;
  const scale = Math.sqrt(1 + sigma * sigma);
  return shown.map((v, i) => (v * scale - (clean?.[i] ?? 0)) / sigma);
}

function spread(values: readonly number[], most: number): number[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, i) => values[Math.round((i * (values.length - 1)) / (most - 1))]!);
}

function shownLatent(x: Float32Array, { sampler }: SamplingPlan, sigma: number): Float32Array {
  if (sampler.space !== 'sigma') return x;
  const scale = 1 / Math.sqrt(1 + sigma * sigma);
  return x.map((v) => v * scale);
}

const widest = 3;

/** Channels [c, h, w] as grey pictures in a grid as square as leaves no cell empty. */
function channels(latent: Float32Array, { model, latentSize: { width, height } }: SamplingPass): PixelImage {
  const count = model.parts.latent.channels;
  let columns = Math.ceil(Math.sqrt(count));
  while (count % columns !== 0) columns++;
  const rows = count / columns;
  const whole = { width: columns * width, height: rows * height };
  const data = new Uint8Array(3 * whole.width * whole.height);
  for (let i = 0; i < latent.length; i++) {
    const [channel, cell] = [Math.floor(i / (width * height)), i % (width * height)];
    const x = (channel % columns) * width + (cell % width);
    const y = Math.floor(channel / columns) * height + Math.floor(cell / width);
    data.fill(byteOf(latent[i]! / widest), 3 * (y * whole.width + x), 3 * (y * whole.width + x) + 3);
  }
  return { ...whole, channels: 3, data };
}
