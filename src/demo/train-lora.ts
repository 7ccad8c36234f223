/**
 * A LoRA of a few pictures, trained in the page by the same loop, task and settings as `darkroom train`. Left out:
 * pictures of several sizes, masks, pictures of a class, samples and checkpoints on the way.
 */

import { UserError } from '#core/errors';
import { f32ToF16Array } from '#core/half';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { planSafetensors } from '#formats/safetensors-writer';
import { planesOf } from '#pipelines/planes';
import { loopOptions } from '#training/configured';
import { alphaBarsOf } from '#training/diffusion-objective';
import { EpochOrder } from '#training/epochs';
import { type StepReport, train, type Weights } from '#training/loop';
import { MemoryRunFiles } from '#training/memory-run-files';
import { loraTensors } from '#training/networks/lora';
import { networksOf } from '#training/networks/of-method';
import { type RandomSource, TrainingRandom } from '#training/random';
import { commonsOf, lossOf, noiseOf } from '#training/settings/commons';
import { type MethodSettings, methodSchemas } from '#training/settings/methods';
import { denoisingTask, type Examples, type LatentSize, readsText } from '#training/tasks/denoising';
import { TextInputs } from '#training/tasks/text-inputs';
import type { PageModel } from './page-model.ts';
import type { TrainingAsked } from './protocol.ts';

export interface LoraTraining extends TrainingAsked {
  readonly model: PageModel;
  readonly backend: Backend;
  readonly signal: AbortSignal;
  readonly report: (report: StepReport) => void;
}

/**
 * The file's chunks. A training that is stopped gives what it has come to.
 * @throws UserError for settings or pictures that do not fit, DivergenceError
 */
export async function trainLora(asked: LoraTraining): Promise<Uint8Array[]> {
  const { model, backend, signal, report } = asked;
  const settings = settingsOf(asked);
  const networks = await networksOf(settings, model);
  const windows = 1;
  const { clip_skip: clipSkip } = settings;
  const isInside = readsText({ model, networks });
  const texts = new TextInputs({ backend, model, networks, isInside, windows, clipSkip });
  const shown = await encodePictures(asked);
  const table = model.parts.noiseTable({ zeroTerminal: settings.zero_terminal_snr });
  const order = new EpochOrder(
    shown.latents.map(() => ({ repeats: 1, bucket: '' })),
    settings.train_batch_size,
    settings.seed,
  );
  const captionOf = (item: number, random: RandomSource): string =>
    random.uniform() < settings.caption_dropout_rate ? '' : asked.pictures[item]!.caption;
  const batch = async (number: number, random: RandomSource): Promise<Examples> => {
    const { items } = order.batch(number);
    const said = items.map((i) => ({ text: captionOf(i, random), size: shown.pixels }));
    return {
      size: shown.cells,
      latents: joined(items.map((i) => shown.latents[i]!)),
      isClass: items.map(() => false),
      text: await texts.feeds(said),
    };
  };
  let result: Weights | undefined;
  const task = denoisingTask(
    {
      model,
      weights: model.weights,
      networks,
      prediction: model.parts.prediction === 'v' ? 'v' : 'eps',
      alphaBars: alphaBarsOf(table),
      batchSize: settings.train_batch_size,
      loss: lossOf(settings),
      noise: noiseOf(settings),
      timesteps: [settings.min_timestep, Math.min(settings.max_timestep, table.sigmas.length)],
      windows,
      clipSkip,
      sizes: [shown.cells],
      examples: (step, _part, random) => batch(step, random),
      heldOut: async () => [],
    },
    {
      async publish(weights) {
        result = new Map([...weights].map(([name, tensor]) => [name, f32(tensor.shape, toF32(tensor).slice())]));
      },
    },
  );
  const files = new MemoryRunFiles();
  const random = new TrainingRandom(settings.seed);
  try {
    await train(task, loopOptions(commonsOf(settings, '')), { backend, files, random, signal, report });
  } finally {
    await texts.dispose();
  }
  if (!result) throw new UserError('demo.stopped', 'The training was stopped before its first step.');
  return fileOf(loraTensors(result, networks.targets!), settings);
}

/** Text encoders stay as they are, so that texts are encoded once. */
function settingsOf({ name, pictures, settings, model }: LoraTraining): MethodSettings<'lora'> {
  if (pictures.length === 0) throw new UserError('demo.pictures', 'There is no picture to learn from.');
  if (model.parts.prediction === 'flow') {
    throw new UserError('training.prediction', 'models of rectified flow cannot be trained yet');
  }
  const parsed = methodSchemas.lora.safeParse({
    train_batch_size: Math.min(2, pictures.length),
    ...settings,
    task: 'lora',
    output_name: name,
    train_data_dir: 'the page',
    network_train_unet_only: true,
    backend: 'webgpu',
    effect_report: false,
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError('demo.settings', `${issue!.path.join('.') || 'the settings'}: ${issue!.message}`);
}

interface Shown {
  readonly pixels: { readonly width: number; readonly height: number };
  readonly cells: LatentSize;
  /** In the denoiser's scale. */
  readonly latents: readonly Float32Array[];
}

async function encodePictures({ pictures, model, backend }: LoraTraining): Promise<Shown> {
  const { autoencoder, latent } = model.parts;
  const { width, height } = pictures[0]!.image;
  const cells = { width: width / latent.factor, height: height / latent.factor };
  const session = await backend.compile(autoencoder.encoderGraph(cells), { weights: model.weights });
  const encode = async (image: PixelImage): Promise<Float32Array> => {
    const { mean } = await session.run({ image: f32([1, 3, height, width], planesOf(image)) });
    return (mean!.data as Float32Array).map((value) => value * latent.scale);
  };
  try {
    const latents: Float32Array[] = [];
    for (const { image } of pictures) latents.push(await encode(image));
    return { pixels: { width, height }, cells, latents };
  } finally {
    await session.dispose();
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const { length } = parts[0]!;
  const out = new Float32Array(parts.length * length);
  for (const [i, part] of parts.entries()) out.set(part, i * length);
  return out;
}

/** As kohya names and describes it. */
function fileOf(tensors: ReadonlyMap<string, HostTensor>, settings: MethodSettings<'lora'>): Uint8Array[] {
  const specs = [...tensors].map(([name, { shape }]) => ({ name, shape, dtype: 'F16' as const }));
  const { header, order } = planSafetensors(specs, {
    ss_output_name: settings.output_name,
    ss_network_module: 'networks.lora',
    ss_network_dim: String(settings.network_dim),
    ss_network_alpha: String(settings.network_alpha),
    ss_learning_rate: String(settings.learning_rate),
    ss_max_train_steps: String(settings.max_train_steps),
    darkroom_trained: String(Date.now()),
  });
  const halves = order.map(({ name }) => f32ToF16Array(toF32(tensors.get(name)!)));
  return [header, ...halves.map((h) => new Uint8Array(h.buffer as ArrayBuffer, h.byteOffset, h.byteLength))];
}
