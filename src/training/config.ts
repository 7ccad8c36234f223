/**
 * Configuration files of training runs: `darkroom train FILE.json`. Defaults are the values in force.
 *
 * What does not depend on where the data come from stands in a schema of its own, so that a recipe with data of its own
 * (recipes/mini) has the same settings.
 */

import { z } from 'zod';
import { scheduleNames } from './learning-rate.ts';
import { trainingSchemas } from './settings/methods.ts';

const scheduleSchema = z.object({
  name: z.enum(scheduleNames).default('constant_with_warmup'),
  warmupSteps: z.int().min(0).default(100),
  cycles: z.number().positive().optional(),
  power: z.number().positive().optional(),
  endRate: z.number().min(0).optional(),
  rules: z.string().optional(),
});

export const commonSchema = z.object({
  /** Folder of the run; made when missing, resumed when it holds a checkpoint. */
  run: z.string().min(1),
  seed: z.int().min(0).default(1),
  steps: z.int().positive(),
  batchSize: z.int().positive(),
  accumulate: z.int().positive().default(1),
  /** Compute the inside of blocks again in the backward pass: less memory, more time. */
  recompute: z.boolean().default(false),
  learningRate: z.number().positive(),
  schedule: scheduleSchema.prefault({}),
  /** Name and options of an optimiser, see `optimizers/registry.ts`. */
  optimizer: z.looseObject({ name: z.string() }).default({ name: 'adamw' }),
  /** The optimiser's option of this name, where it has one and does not state its own. */
  betas: z.tuple([z.number(), z.number()]).optional(),
  /** As `betas`. */
  weightDecay: z.number().min(0).optional(),
  /** Parameters that weight decay acts on: all, as PyTorch does, or only matrices and convolutions. */
  weightDecayOn: z.enum(['all', 'matrices']).default('all'),
  clipNorm: z.number().positive().default(1),
  ema: z
    .object({ decay: z.number(), useWarmup: z.boolean().default(false), power: z.number().default(0.75) })
    .optional(),
  checkpointEvery: z.int().positive().default(200),
  sampleEvery: z.int().positive().default(200),
  /** Side of the pictures in pixels. */
  size: z.int().positive().default(128),
  threads: z.int().positive().optional(),
  backend: z.enum(['cpu', 'webgpu']).default('cpu'),
});

const vaeSchema = z.object({
  imageChannels: z.int().default(3),
  latentChannels: z.int().default(4),
  blockChannels: z.array(z.int().positive()).readonly(),
  layersPerBlock: z.int().positive(),
  normGroups: z.int().default(32),
  midAttention: z.boolean().default(true),
  quantConv: z.boolean().default(true),
  postQuantConv: z.boolean().default(true),
  scalingFactor: z.number().default(0.18215),
});

const unetSchema = z.object({
  inChannels: z.int().default(4),
  outChannels: z.int().default(4),
  blockChannels: z.array(z.int().positive()).readonly(),
  layersPerBlock: z.int().positive(),
  transformerDepth: z.array(z.int().min(0)).readonly(),
  midTransformerDepth: z.int().min(0).default(1),
  heads: z.array(z.int().positive()).readonly(),
  contextWidth: z.int().positive(),
  linearProjection: z.boolean().default(false),
  normGroups: z.int().default(32),
});

export const textEncoderSchema = z.object({
  vocabSize: z.int().default(49408),
  positions: z.int().default(77),
  width: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  mlpWidth: z.int().positive(),
  activation: z.enum(['quickGelu', 'gelu']).default('quickGelu'),
});

export const autoencoderSchema = commonSchema.extend({
  task: z.literal('autoencoder'),
  vae: vaeSchema,
  crop: z.int().positive().default(64),
  klWeight: z.number().min(0).default(1e-4),
  gradientWeight: z.number().min(0).default(0.5),
  squareWeight: z.number().min(0).optional(),
  robustScale: z.number().positive().optional(),
  latentNoise: z.number().min(0).optional(),
  /** Learn the decoder alone; the encoder stays as the run it starts from left it. */
  decoderOnly: z.boolean().default(false),
  /** Run whose published weights this one starts from. */
  startFrom: z.string().optional(),
});

const gamma = z.number().positive();

const predictionSchema = z.enum(['eps', 'v', 'x0']);

const weightingSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('none') }),
  z.strictObject({ name: z.literal('min-snr'), gamma: gamma.default(5) }),
  z.strictObject({ name: z.literal('soft-min-snr'), gamma: gamma.default(5) }),
  z.strictObject({ name: z.literal('debiased') }),
  z.strictObject({ name: z.literal('p2'), gamma: gamma.default(1), k: z.number().min(0).default(1) }),
]);

const noiseSchema = z.strictObject({
  offset: z.number().min(0).default(0),
  inputPerturbation: z.number().min(0).default(0),
  pyramidDiscount: z.number().positive().lt(1).optional(),
});

export const textToImageSchema = commonSchema.extend({
  task: z.literal('text-to-image'),
  /** Run folder or model file of the autoencoder whose latents are learnt. */
  autoencoder: z.string().min(1),
  textEncoder: textEncoderSchema,
  unet: unetSchema,
  prediction: predictionSchema.default('v'),
  weighting: weightingSchema.optional(),
  /** Short for the weighting `min-snr`. */
  minSnrGamma: z.number().positive().optional(),
  noise: noiseSchema.optional(),
  captionDropout: z.number().min(0).max(1).default(0.1),
  /** Runs or model files whose weights this run starts from; where several have a tensor, the last one's counts. */
  startFrom: z.union([z.string(), z.array(z.string())]).optional(),
  /** Off: the text encoder stays as `startFrom` gives it. */
  trainTextEncoder: z.boolean().default(true),
});

/** Folder of pictures, searched with its subfolders; a text file of the same name beside each has its caption. */
const data = z.string().min(1);

/** Sizes that are left out are those of the model file that the run starts from. */
const fineTuningSchema = textToImageSchema
  .partial({ autoencoder: true, textEncoder: true, unet: true })
  .extend({ data, prediction: predictionSchema.optional() });

const autoencoderOnFolder = autoencoderSchema.extend({ data });

const { lora, ti, hypernet, dreambooth, finetune, vae, scratch } = trainingSchemas;
const run = { run: z.string().min(1) };

export const trainingConfigSchema = z.discriminatedUnion('task', [
  autoencoderOnFolder,
  fineTuningSchema,
  lora.extend(run),
  ti.extend(run),
  hypernet.extend(run),
  dreambooth.extend(run),
  finetune.extend(run),
  vae.extend(run),
  scratch.extend(run),
]);

/** What a studio is asked to train: its runs have folders of their own. */
export const trainingRequestSchema = z.discriminatedUnion('task', [
  autoencoderOnFolder.omit({ run: true }),
  fineTuningSchema.omit({ run: true }),
  lora,
  ti,
  hypernet,
  dreambooth,
  finetune,
  vae,
  scratch,
]);

export type TrainingRequest = z.output<typeof trainingRequestSchema>;

/** Where a training's pictures are. */
export const dataOf = (request: TrainingRequest): string => ('data' in request ? request.data : request.train_data_dir);

/** How many steps are asked for. */
export const stepsOf = (request: TrainingRequest): number =>
  'steps' in request ? request.steps : request.max_train_steps;

export type TrainingConfig = z.output<typeof trainingConfigSchema>;
export type CommonConfig = z.output<typeof commonSchema>;
export type AutoencoderConfig = z.output<typeof autoencoderSchema>;
export type TextToImageConfig = z.output<typeof textToImageSchema>;
export type FineTuningConfig = z.output<typeof fineTuningSchema>;
