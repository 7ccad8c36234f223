/**
 * Latents of rendered scenes, encoded once and kept in the run's folder.
 *
 * Latents are normalised per channel to SD1's scale; the same normalisation is folded into the published VAE, so that
 * the cache is what the shipped encoder would give.
 */

import { f32, type HostTensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import type { VaeConfig } from '#models/vae/config';
import { vaeFactor } from '#models/vae/config';
import type { Scene } from '#scenes/scene';
import type { RunFiles } from '#training/run-directory';
import { normaliseLatents, pixelsToPlanes } from '#training/tasks/autoencoder';
import { renderScenePool } from './scene-pool.ts';
import { openVae } from './vae-sessions.ts';

export interface LatentCache {
  /** [count, channels, cells, cells], mean 0 and variance 1: U-Net scale. */
  readonly latents: Float32Array;
  readonly scenes: readonly Scene[];
  /** The autoencoder's weights with the normalisation folded in. */
  readonly vae: Map<string, HostTensor>;
}

export interface LatentCacheOptions {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly config: VaeConfig;
  readonly weights: Map<string, HostTensor>;
  readonly count: number;
  readonly size: number;
  readonly seed: number;
  readonly log: (message: string) => void;
}

const latentFile = 'cache/latents.safetensors';
const sceneFile = 'cache/scenes.json';
const vaeFile = 'cache/vae.safetensors';
const encodeBatch = 16;

export async function latentCache(options: LatentCacheOptions): Promise<LatentCache> {
  const { files, count } = options;
  const scenes = await files.readText(sceneFile);
  if (scenes !== undefined) {
    const known = JSON.parse(scenes) as Scene[];
    if (known.length === count) {
      const latents = (await files.readTensors(latentFile)).get('latents')!.data as Float32Array;
      return { latents, scenes: known, vae: await files.readTensors(vaeFile) };
    }
  }
  const built = await buildCache(options);
  const cells = options.size / vaeFactor(options.config);
  const shape = [count, options.config.latentChannels, cells, cells];
  await files.writeTensors(latentFile, new Map([['latents', f32(shape, built.latents)]]));
  await files.writeTensors(vaeFile, built.vae);
  await files.writeText(sceneFile, JSON.stringify(built.scenes));
  return built;
}

async function buildCache(options: LatentCacheOptions): Promise<LatentCache> {
  const { backend, config, weights, count, size, seed, log } = options;
  const vae = await openVae(backend, config, weights, size);
  const item = config.latentChannels * (size / vaeFactor(config)) ** 2;
  const latents = new Float32Array(count * item);
  const scenes: Scene[] = [];
  const chunk = 512;
  for (let start = 0; start < count; start += chunk) {
    const n = Math.min(chunk, count - start);
    const pool = await renderScenePool({ count: n, seed: seed * 1_000_003 + start, size });
    for (let i = 0; i < n; i += encodeBatch) {
      const b = Math.min(encodeBatch, n - i);
      const bytes = pool.pixels(i);
      const batch = new Uint8Array(bytes.buffer, bytes.byteOffset, b * size * size * 3);
      latents.set(await vae.encode(pixelsToPlanes(batch, b, size), b), (start + i) * item);
    }
    scenes.push(...pool.scenes.map((s) => s.scene));
    log(`encoded ${start + n} of ${count} scenes`);
  }
  await vae.dispose();
  const statistics = channelStatistics(latents, count, config.latentChannels);
  normalise(latents, count, statistics);
  const folded = normaliseLatents(weights, config, statistics);
  const published = new Map(weights);
  for (const [name, data] of folded) published.set(name, f32(weights.get(name)!.shape, data));
  return { latents, scenes, vae: published };
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

function normalise(latents: Float32Array, count: number, { mean, std }: Statistics): void {
  const channels = mean.length;
  const cells = latents.length / (count * channels);
  for (let i = 0; i < latents.length; i++) {
    const c = Math.floor(i / cells) % channels;
    latents[i] = (latents[i]! - mean[c]!) / std[c]!;
  }
}
