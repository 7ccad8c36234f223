/**
 * Reference-only: at every call the model first looks at the reference picture under the same prompts and at the same
 * noise level, and what its self-attentions read there they read again while they draw.
 * sd-webui-controlnet scripts/hook.py.
 */

import { f32, type HostTensor, toF32 } from '#core/tensor';
import { createNoiseSource } from '#diffusion/noise-source';
import type { Feeds, Session } from '#engine/backend';
import { bankName, fidelityInput } from '#models/adjust/reference';
import type { PlaneSize } from '../resample.ts';
import type { ControlledCall } from './step-control.ts';

/** Any will do, as long as it is another one than a picture starts from. */
const noiseSeed = 2 ** 31 + 7;

export interface Reference {
  /** [c, h, w] in the denoiser's scale. */
  readonly latent: Float32Array;
  /** How much the side without the prompt keeps to what it sees without the reference, 0..1. */
  readonly fidelity: number;
  readonly channels: number;
  readonly latentSize: PlaneSize;
}

/** `others`: feeds of the other units' inputs under which nothing of theirs acts. */
export class ReferenceUnit {
  readonly #reference: Reference;
  readonly #noise: Float32Array;

  constructor(reference: Reference) {
    this.#reference = reference;
    const { channels, latentSize } = reference;
    const shape = [channels, latentSize.height, latentSize.width] as const;
    this.#noise = createNoiseSource({ kind: 'cpu', seeds: [noiseSeed], shape }).first();
  }

  async feeds(call: ControlledCall, others: Feeds): Promise<Feeds> {
    const { feeds, passes, images, session } = call;
    const rows = passes.length * images;
    const banks = bankPorts(session);
    const empty = Object.fromEntries(
      banks.map(({ name, width }) => [name, f32([rows, 0, width], new Float32Array(0))]),
    );
    const none = f32([rows], new Float32Array(rows));
    const sample = this.#noised(feeds.sample!, call.sigma);
    const seen = await session.run({ ...feeds, ...others, sample, ...empty, [fidelityInput]: none });
    return {
      ...Object.fromEntries(banks.map(({ name }) => [name, seen[name]!])),
      [fidelityInput]: this.#fidelity(call),
    };
  }

  /** For calls in which it does not act. */
  idle({ passes, images, session }: ControlledCall): Feeds {
    const rows = passes.length * images;
    const banks = bankPorts(session);
    const empty = Object.fromEntries(
      banks.map(({ name, width }) => [name, f32([rows, 0, width], new Float32Array(0))]),
    );
    return { ...empty, [fidelityInput]: f32([rows], new Float32Array(rows)) };
  }

  #fidelity({ passes, images }: ControlledCall): HostTensor {
    const { fidelity } = this.#reference;
    const values = passes.flatMap(({ negative }) => Array.from({ length: images }, () => (negative ? fidelity : 0)));
    return f32([values.length], Float32Array.from(values));
  }

  /** The network's input for the reference: unit variance, in place of the latent; further channels stay. */
  #noised(sample: HostTensor, sigma: number): HostTensor {
    const { latent, channels } = this.#reference;
    const scale = 1 / Math.sqrt(1 + sigma * sigma);
    const seen = latent.map((v, i) => (v + sigma * this.#noise[i]!) * scale);
    const data = toF32(sample).slice();
    const [rows, all] = sample.shape as [number, number];
    const size = data.length / rows;
    const own = (size / all) * channels;
    for (let r = 0; r < rows; r++) data.set(seen.subarray(0, own), r * size);
    return f32(sample.shape, data);
  }
}

function bankPorts(session: Session): { name: string; width: number }[] {
  const ports: { name: string; width: number }[] = [];
  for (let layer = 0; ; layer++) {
    const port = session.graph.inputs.find(({ attrs }) => attrs.name === bankName(layer));
    if (!port) return ports;
    ports.push({ name: bankName(layer), width: port.shape[2] as number });
  }
}
