/** A Control-LoRA run: scenes with their edges, as the module canny finds them; published with the names of LDM. */

import path from 'node:path';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor } from '#core/tensor';
import { controlNetScope } from '#models/control/controlnet';
import { controlNetKeys } from '#models/control/controlnet-file';
import { canny } from '#pipelines/annotators/canny';
import { latentCache } from '#studio/training/latent-cache';
import { openBaseModel } from '#studio/training/methods/base-model';
import { writeTensors } from '#studio/training/methods/trained-result';
import type { RunContext } from '#studio/training/run-context';
import { readAutoencoder } from '#studio/training/text-to-image-run';
import { alphaBarsOf } from '#training/diffusion-objective';
import type { TrainingTask, Weights } from '#training/loop';
import { denoisingTask, type Examples } from '#training/tasks/denoising';
import { TextInputs } from '#training/tasks/text-inputs';
import type { ControlConfig } from './config.ts';
import { scenePictures } from './scene-pictures.ts';
import { type ControlNetworks, controlNetworks } from './tasks/control.ts';

/** Of canny, as the module's own defaults. */
export const edgeThresholds = [100, 200] as const;

export async function prepareControl(config: ControlConfig, context: RunContext): Promise<TrainingTask> {
  const { backend, files, log, root } = context;
  const { seed, size, scenes, batchSize, captionDropout, threads } = config;
  const pictures = await scenePictures({ count: scenes, seed, size });
  const autoencoder = await readAutoencoder(path.resolve(root, config.model));
  const { latents } = await latentCache({ backend, files, pictures, autoencoder, log });
  const model = await openBaseModel(config.model, undefined, context);
  const networks = controlNetworks(model, config.rank, config.hintWidths);
  const { latent, prediction } = model.parts;
  if (prediction === 'flow')
    throw new UserError('recipe.control', 'the base of a control network must be no flow model');
  const texts = new TextInputs({ backend, model, networks, isInside: false, windows: 1, clipSkip: 1, threads });
  const table = model.parts.noiseTable();
  const cells = size / latent.factor;
  const item = latent.channels * cells * cells;
  return denoisingTask(
    {
      model,
      weights: model.weights,
      networks,
      prediction,
      alphaBars: alphaBarsOf(table),
      batchSize,
      loss: { type: 'l2', huberSchedule: 'snr', huberC: 0.1, weightings: [], priorWeight: 1 },
      noise: { offset: 0, adaptiveScale: 0, multiresIterations: 0, multiresDiscount: 1, inputPerturbation: 0 },
      timesteps: [0, table.sigmas.length],
      windows: 1,
      clipSkip: 1,
      sizes: [{ width: cells, height: cells }],
      heldOut: async () => [],
      async examples(_step, _part, random): Promise<Examples> {
        const indices = Array.from({ length: batchSize }, () => random.integer(scenes));
        const shown = new Float32Array(batchSize * item);
        for (const [n, index] of indices.entries())
          shown.set(latents.subarray(index * item, (index + 1) * item), n * item);
        const said = indices.map((index) => ({
          text: random.uniform() < captionDropout ? '' : pictures.caption(index, random),
          size: { width: size, height: size },
        }));
        const hint = hintsOf(await pictures.read(indices), size);
        return {
          size: { width: cells, height: cells },
          latents: shown,
          isClass: indices.map(() => false),
          text: { ...(await texts.feeds(said)), hint },
        };
      },
    },
    {
      publish: (weights) =>
        writeTensors(path.resolve(root, config.run, publishedControl), storedTensors(weights, networks), 'fp16', {
          'modelspec.sai_model_spec': '1.0.1',
          'modelspec.architecture': 'stable-diffusion-v1/controlnet',
          'modelspec.title': 'Darkroom mini, edges',
        }),
    },
  );
}

const publishedControl = 'control.safetensors';

/** RGB bytes of square pictures -> their edges, f32 [count, 3, size, size], 0 or 1. */
function hintsOf(pixels: Uint8Array, size: number): HostTensor {
  const bytes = size * size * 3;
  const count = pixels.length / bytes;
  const hints = new Float32Array(count * bytes);
  for (let n = 0; n < count; n++) {
    const data = pixels.subarray(n * bytes, (n + 1) * bytes);
    const image: PixelImage = { width: size, height: size, channels: 3, data };
    const edges = canny(image, ...edgeThresholds);
    for (let i = 0; i < size * size; i++) {
      const edge = edges.data[i * edges.channels]! / 255;
      for (let c = 0; c < 3; c++) hints[n * bytes + c * size * size + i] = edge;
    }
  }
  return f32([count, 3, size, size], hints);
}

/** Control-LoRA's names: LDM's, with `.down` and `.up` in the place of a changed layer's weight. */
export function storedTensors(weights: Weights, { config, targets }: ControlNetworks): Map<string, HostTensor> {
  const keys = controlNetKeys(config);
  const storedName = (name: string): string => keys(name.slice(controlNetScope.length + 1))[0]!.name;
  const stored = new Map<string, HostTensor>([['lora_controlnet', f32([0], new Float32Array())]]);
  const changed = new Set(targets.flatMap(({ name }) => [`${name}.lora_down.weight`, `${name}.lora_up.weight`]));
  for (const { name } of targets) {
    const stem = storedName(`${name}.weight`).replace(/\.weight$/, '');
    stored.set(`${stem}.down`, weights.get(`${name}.lora_down.weight`)!);
    stored.set(`${stem}.up`, weights.get(`${name}.lora_up.weight`)!);
  }
  for (const [name, tensor] of weights) if (!changed.has(name)) stored.set(storedName(name), tensor);
  return stored;
}
