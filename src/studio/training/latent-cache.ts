/**
 * Latents of a run's pictures, encoded once and kept in its folder.
 *
 * Latents of an autoencoder fresh from its run are normalised per channel to SD 1's scale; the same normalisation is
 * folded into the published VAE, so that the cache is what the shipped encoder would give. Those of a whole model have
 * their scale already, and its U-Net knows no other.
 */

import { f32, type HostTensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import type { VaeConfig } from '#models/vae/config';
import { vaeFactor } from '#models/vae/config';
import type { RunFiles } from '#training/run-directory';
import { normaliseLatents, pixelsToPlanes } from '#training/tasks/autoencoder';
import type { CaptionedPictures } from './captioned-pictures.ts';
import { openVae } from './vae-sessions.ts';

export interface LatentCache {
  /** [count, channels, cells, cells] in the U-Net's scale. */
  readonly latents: Float32Array;
  readonly count: number;
  /** The autoencoder's weights, with the normalisation folded in where there is one. */
  readonly vae: ReadonlyMap<string, HostTensor>;
}

export interface LatentCacheOptions {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly pictures: CaptionedPictures;
  readonly autoencoder: TrainedAutoencoder;
  readonly log: (message: string) => void;
}

export interface TrainedAutoencoder {
  /** Says which one it is. */
  readonly identity: string;
  readonly config: VaeConfig;
  readonly weights: ReadonlyMap<string, HostTensor>;
  /** Part of a whole model: its latents have the model's scale. */
  readonly scaled: boolean;
}

const latentFile = 'cache/latents.safetensors';
const identityFile = 'cache/identity.json';
const vaeFile = 'cache/vae.safetensors';
const encodeBatch = 16;

export async function latentCache(options: LatentCacheOptions): Promise<LatentCache> {
  const { files, pictures, autoencoder } = options;
  const { count, size } = pictures;
  const identity = JSON.stringify({ size, autoencoder: autoencoder.identity, pictures: pictures.identity });
  if ((await files.readText(identityFile)) === identity) {
    const latents = (await files.readTensors(latentFile)).get('latents')!.data as Float32Array;
    return { latents, count, vae: await files.readTensors(vaeFile) };
  }
  // Written last and removed first: a cache that has it is whole.
  await files.remove(identityFile);
  const { config, weights, scaled } = autoencoder;
  const latents = await encodeAll(options);
  const vae = scaled ? weights : normalise(latents, autoencoder, count);
  if (scaled) for (let i = 0; i < latents.length; i++) latents[i]! *= config.scalingFactor;
  const cells = size / vaeFactor(config);
  await files.writeTensors(
    latentFile,
    new Map([['latents', f32([count, config.latentChannels, cells, cells], latents)]]),
  );
  await files.writeTensors(vaeFile, vae);
  await files.writeText(identityFile, identity);
  return { latents, count, vae };
}

/** Posterior means, unscaled. */
async function encodeAll({ backend, pictures, autoencoder, log }: LatentCacheOptions): Promise<Float32Array> {
  const { count, size } = pictures;
  const { config, weights } = autoencoder;
  const vae = await openVae(backend, config, weights, size);
  const item = config.latentChannels * (size / vaeFactor(config)) ** 2;
  const latents = new Float32Array(count * item);
  try {
    for (let start = 0; start < count; start += encodeBatch) {
      const n = Math.min(encodeBatch, count - start);
      const pixels = await pictures.read(Array.from({ length: n }, (_, i) => start + i));
      latents.set(await vae.encode(pixelsToPlanes(pixels, n, size), n), start * item);
      if (start % (32 * encodeBatch) === 0 || start + n === count) log(`encoded ${start + n} of ${count} pictures`);
    }
  } finally {
    await vae.dispose();
  }
  return latents;
}

/** Brings latents to mean 0 and variance 1 in every channel; returns the autoencoder's weights that do so themselves. */
function normalise(
  latents: Float32Array,
  { config, weights }: TrainedAutoencoder,
  count: number,
): ReadonlyMap<string, HostTensor> {
  const statistics = channelStatistics(latents, count, config.latentChannels);
  applyStatistics(latents, count, statistics);
  const published = new Map(weights);
  for (const [name, data] of normaliseLatents(weights, config, statistics)) {
    published.set(name, f32(weights.get(name)!.shape, data));
  }
  return published;
}

interface Statistics {
  readonly mean: number[];
  readonly std: number[];
}

/** Mean and standard deviation of each channel over [count, channels, cells]. */
function channelStatistics(latents: Float32Array, count: number, channels: number): Statistics {
  const cells = latents.length / (count * channels);
  const mean = new Array<number>(channels).fill(0);
  const square = new Array<number>(channels).fill(0);
  for (let i = 0; i < latents.length; i++) {
    const c = Math.floor(i / cells) % channels;
    mean[c]! += latents[i]!;
    square[c]! += latents[i]! ** 2;
  }
  const n = count * cells;
  return {
    mean: mean.map((m) => m / n),
    std: square.map((s, c) => Math.sqrt(s / n - (mean[c]! / n) ** 2)),
  };
}

function applyStatistics(latents: Float32Array, count: number, { mean, std }: Statistics): void {
  const channels = mean.length;
  const cells = latents.length / (count * channels);
  for (let i = 0; i < latents.length; i++) {
    const c = Math.floor(i / cells) % channels;
    latents[i] = (latents[i]! - mean[c]!) / std[c]!;
  }
}
