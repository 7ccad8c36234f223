/** Latents of pictures, encoded once and kept in the run's folder for as long as pictures, sizes and VAE are the same. */

import { f32, type HostTensor } from '#core/tensor';
import type { Backend, Session } from '#engine/backend';
import type { PictureSize } from '#training/buckets';
import type { RandomSource } from '#training/random';
import type { RunFiles } from '#training/run-directory';
import { type DatasetItem, stampOf } from '../data/dataset.ts';
import { averagedMask, type CropPlace, preparePicture } from '../data/prepared-picture.ts';
import type { BaseModel } from './base-model.ts';

/** How a picture is shown. */
export interface View {
  readonly item: DatasetItem;
  readonly bucket: PictureSize;
  readonly mirrored: boolean;
}

export interface Encoded {
  /** Posterior, unscaled: [channels, height, width] each. */
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
  /** [height, width]; undefined where nothing is masked. */
  readonly mask: Float32Array | undefined;
}

export interface LatentsOptions {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly model: BaseModel;
  readonly masked: boolean;
  readonly toDisk: boolean;
  readonly threads?: number | undefined;
  readonly log: (message: string) => void;
}

const cacheFile = 'cache/latents.safetensors';
const stampFile = 'cache/latents.json';

export class Latents {
  readonly #options: LatentsOptions;
  readonly #kept = new Map<string, Encoded>();
  #session: Session | undefined;

  constructor(options: LatentsOptions) {
    this.#options = options;
  }

  /** Encodes all of them, or finds them in the run's folder. */
  async prepare(views: readonly View[]): Promise<void> {
    const { files, model, masked, toDisk, log } = this.#options;
    const names = views.map(nameOf);
    const items = [...new Set(views.map(({ item }) => item))];
    const stamp = stampOf(items, { names, masked, model: model.path, vae: vaeFile(model) });
    if (toDisk && (await files.readText(stampFile)) === stamp) {
      for (const [name, encoded] of unpacked(await files.readTensors(cacheFile))) this.#kept.set(name, encoded);
      return;
    }
    // Written last and removed first: a cache that has it is whole.
    if (toDisk) await files.remove(stampFile);
    for (const [i, view] of views.entries()) {
      this.#kept.set(nameOf(view), await this.encode(view));
      if ((i + 1) % 50 === 0 || i + 1 === views.length) log(`encoded ${i + 1} of ${views.length} pictures`);
    }
    if (!toDisk) return;
    await files.writeTensors(cacheFile, packed(this.#kept));
    await files.writeText(stampFile, stamp);
  }

  /** Of a view that was prepared. */
  kept(view: View): Encoded {
    return this.#kept.get(nameOf(view))!;
  }

  async encode({ item, bucket, mirrored }: View, place?: CropPlace): Promise<Encoded> {
    const { masked, model } = this.#options;
    const { planes, mask } = await preparePicture(item, bucket, { mirrored, place, masked });
    const session = await this.#encoder();
    const { mean, logvar } = await session.run({ image: f32([1, 3, bucket.height, bucket.width], planes) });
    const { factor } = model.parts.latent;
    return {
      mean: (mean!.data as Float32Array).slice(),
      deviation: (logvar!.data as Float32Array).map((v) => Math.exp(Math.max(-30, Math.min(20, v)) / 2)),
      mask: mask && averagedMask(mask, bucket, factor),
    };
  }

  async dispose(): Promise<void> {
    await this.#session?.dispose();
    this.#session = undefined;
  }

  async #encoder(): Promise<Session> {
    const { backend, model, threads } = this.#options;
    const { autoencoder } = model.parts;
    this.#session ??= await backend.compile(autoencoder.encoderGraph(), { weights: model.weights, threads });
    return this.#session;
  }
}

const nameOf = ({ item, bucket, mirrored }: View): string =>
  `${item.name} ${bucket.width}x${bucket.height}${mirrored ? ' mirrored' : ''}`;

function vaeFile({ weights, parts, family, config }: BaseModel): unknown {
  const first = family.parameters(config).find(({ name }) => name.startsWith(`${parts.autoencoder.component}.`));
  const ref = first && weights.get(first.name);
  return ref?.kind === 'file' ? [ref.path, ref.offset] : undefined;
}

/** In the denoiser's scale, drawn from the posterior or its mean. */
export function latentOf({ mean, deviation }: Encoded, scale: number, random: RandomSource | undefined): Float32Array {
  return mean.map((m, i) => scale * (random ? m + deviation[i]! * random.normal() : m));
}

const parts = ['mean', 'deviation', 'mask'] as const;

function packed(encoded: ReadonlyMap<string, Encoded>): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, each] of encoded) {
    for (const part of parts) {
      const values = each[part];
      if (values) tensors.set(`${part} ${name}`, f32([values.length], values));
    }
  }
  return tensors;
}

function unpacked(tensors: ReadonlyMap<string, HostTensor>): Map<string, Encoded> {
  const values = (part: string, name: string) => tensors.get(`${part} ${name}`)?.data as Float32Array | undefined;
  const names = [...tensors.keys()].flatMap((name) => /^mean (.*)$/s.exec(name)?.[1] ?? []);
  return new Map(
    names.map((name) => [
      name,
      { mean: values('mean', name)!, deviation: values('deviation', name)!, mask: values('mask', name) },
    ]),
  );
}
