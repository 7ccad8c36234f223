/** The task of a method's settings: model, pictures, captions, networks, and what is written and drawn on the way. */

import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { PictureSize } from '#training/buckets';
import { type CaptionRules, parseSamplePrompt, plainCaption, type SamplePrompt } from '#training/captions';
import { alphaBarsOf, type Prediction } from '#training/diffusion-objective';
import type { TrainingTask, Weights } from '#training/loop';
import { type MethodNetworks, networksOf } from '#training/networks/of-method';
import { lossOf, noiseOf, pictureSizeOf } from '#training/settings/commons';
import type { MethodSettings } from '#training/settings/methods';
import { denoisingTask, readsText } from '#training/tasks/denoising';
import { TextInputs } from '#training/tasks/text-inputs';
import { readPlainTextAtOnce } from '../../files/plain-file.ts';
import { folderForKind } from '../../library/layout.ts';
import { type Dataset, type DatasetItem, readDataset } from '../data/dataset.ts';
import { tellChangedPictures } from '../data/known-pictures.ts';
import type { RunContext } from '../run-context.ts';
import { type BaseModel, openBaseModel } from './base-model.ts';
import { asksForClass, classPictures } from './class-pictures.ts';
import { type DrawingOptions, draw, sheet } from './drawing.ts';
import { changesByBlock, reportEffect } from './effect.ts';
import { ExampleSource, splitHeldOut } from './examples.ts';
import { Latents } from './latents.ts';
import { type ResultForm, resultFile, resultForms, resultRoot } from './result-files.ts';
import { howToUse, withResult, wordOf } from './result-prompt.ts';
import type { ResultFacts } from './trained-result.ts';
import { checkForm } from './whole-model.ts';

export type MethodConfig = MethodSettings & { readonly run: string };

/** A training of a method on a model that is there. @throws UserError `training.*`, `model.*` */
export async function prepareMethod(settings: MethodConfig, context: RunContext): Promise<TrainingTask> {
  const { backend, files, log, warn, root } = context;
  const model = await openBaseModel(settings.pretrained_model_name_or_path, settings.vae, context);
  const isWhole = resultForms[settings.task].kind === 'checkpoint';
  if (isWhole) checkForm(model);
  const dataset = await datasetOf(settings, context);
  const size = pictureSizeOf(settings, model.parts.limits);
  const run = path.resolve(root, settings.run);
  const classItems = context.rehearsal
    ? dataset.items.slice(0, asksForClass(settings) ? 1 : 0)
    : await classPictures(settings, { ...context, model, size, run });
  const networks = await networksOf(settings, model);
  const file = resultFile(run, settings.task, settings.output_name);
  const drawing: DrawingOptions = {
    backend,
    model: isWhole ? file : model.path,
    vae: isWhole ? undefined : settings.vae,
    roots: [resultRoot(run), ...context.modelRoots],
    size,
  };
  const form = resultForms[settings.task];
  return await prepareDenoising(settings, context, {
    model,
    dataset,
    classItems,
    networks,
    drawing,
    write: (weights, facts) => form.write(file, weights, facts, networks),
    async begin(weights) {
      if (!isWhole) await files.writeTensors('start.safetensors', weights);
    },
    async finish(weights, step, prompts) {
      const blocks = await changesByBlock({ settings, files, weights, networks });
      const still = Object.entries(blocks).flatMap(([block, { change }]) => (change === 0 ? [block] : []));
      if (still.length > 0) warn(`nothing has changed in ${still.join(', ')}`);
      const pictures = dataset.items.map(({ file: picture }) => picture);
      const basePath = model.path;
      const facts = { settings, files, weights, networks, drawing, prompts, basePath, pictures, step, blocks };
      if (settings.effect_report) await tellEffect(facts, run, log);
      log(`the result is ${await installed(file, form, settings, context)}`);
      log(howToUse(settings));
    },
  });
}

async function tellEffect(
  facts: Parameters<typeof reportEffect>[0],
  run: string,
  log: RunContext['log'],
): Promise<void> {
  log('drawing the same prompts without the result and with it');
  const { differences, nearness } = await reportEffect(facts);
  const nearest = nearness.map((d) => d.toFixed(0)).join(', ');
  log(`distance to the nearest of the pictures learnt from: ${nearest} of 255`);
  const most = Math.max(...differences.flat()).toFixed(0);
  log(`pictures with it differ by up to ${most} of 255: see ${path.join(run, 'report/index.html')}`);
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Pictures that are enough to see what a step takes, in every shape that is usual among them. */
const rehearsed = 12;

/** The pictures of the settings. Tells what is odd about them. */
export async function datasetOf(
  {
    train_data_dir: folder,
    caption_extension: captionExtension,
  }: Pick<MethodConfig, 'train_data_dir' | 'caption_extension'>,
  { root, files, log, warn, rehearsal }: RunContext,
): Promise<Dataset> {
  const dataset = await readDataset(path.resolve(root, folder), { captionExtension });
  for (const warning of dataset.warnings) warn(warning);
  const { items } = dataset;
  log(`${counted(items.length, 'picture')} in ${folder}`);
  if (!rehearsal) {
    await tellChangedPictures(files, items, warn);
    return dataset;
  }
  const every = Math.max(1, Math.floor(items.length / rehearsed));
  return { ...dataset, items: items.filter((_, i) => i % every === 0).slice(0, rehearsed) };
}

/** What is trained, on what, and what becomes of it. */
export interface DenoisingSubject {
  readonly model: BaseModel;
  readonly dataset: Dataset;
  readonly classItems: readonly DatasetItem[];
  readonly networks: MethodNetworks;
  /** How samples are drawn with what was written. */
  readonly drawing: DrawingOptions;
  /** Prompts of samples where the settings have none; default captions. */
  readonly prompts?: readonly SamplePrompt[];
  write(weights: Weights, facts: ResultFacts): Promise<void>;
  begin?(weights: Weights): Promise<void>;
  finish(weights: Weights, step: number, prompts: readonly SamplePrompt[]): Promise<void>;
}

export async function prepareDenoising(
  settings: MethodConfig,
  context: RunContext,
  subject: DenoisingSubject,
): Promise<TrainingTask> {
  const { model, networks, classItems } = subject;
  const { parts, weights } = model;
  const shown = await shownPictures(settings, context, subject);
  const { source } = shown;
  const table = parts.noiseTable({ zeroTerminal: settings.zero_terminal_snr });
  const { factor } = parts.latent;
  return denoisingTask(
    {
      model,
      weights,
      networks,
      prediction: predictionOf(settings, model),
      alphaBars: alphaBarsOf(table),
      batchSize: settings.train_batch_size * (classItems.length > 0 ? 2 : 1),
      loss: lossOf(settings),
      noise: noiseOf(settings),
      timesteps: [settings.min_timestep, Math.min(settings.max_timestep, table.sigmas.length)],
      windows: windowsOf(settings),
      clipSkip: settings.clip_skip,
      sizes: source.sizes.map(({ width, height }) => ({ width: width / factor, height: height / factor })),
      examples: (step, part, random) => source.next(step, part, random),
      heldOut: () => source.heldOut(),
    },
    hooksOf(settings, context, subject, shown),
  );
}

/** What the networks are shown: pictures as latents, captions as what text encoders make of them. */
interface ShownPictures {
  readonly source: ExampleSource;
  readonly texts: TextInputs;
  readonly latents: Latents;
  readonly captions: CaptionRules;
}

/** Encodes what will be shown, and tells how much there is. */
async function shownPictures(
  settings: MethodConfig,
  { backend, files, log, warn, root }: RunContext,
  { model, dataset, classItems, networks }: DenoisingSubject,
): Promise<ShownPictures> {
  const { threads, validation_split: share, masked_loss: masked } = settings;
  const { latent, limits } = model.parts;
  const word = learntWord(settings);
  const texts = new TextInputs({
    backend,
    model,
    networks,
    isInside: readsText({ model, networks }),
    windows: windowsOf(settings),
    clipSkip: settings.clip_skip,
    threads,
    word,
  });
  const toDisk = settings.cache_latents_to_disk;
  const latents = new Latents({ backend, files, model, masked, toDisk, threads, log });
  const captions = captionRules(settings, root, word?.text);
  const split = splitHeldOut(dataset.items, share, settings.seed);
  const size = pictureSizeOf(settings, limits);
  const source = new ExampleSource({
    ...split,
    classItems,
    classCaption: ('class_prompt' in settings && settings.class_prompt) || '',
    buckets: settings.enable_bucket ? bucketOptions(settings, size, model) : undefined,
    size,
    captions,
    batchSize: settings.train_batch_size,
    accumulate: settings.gradient_accumulation_steps,
    seed: settings.seed,
    mirrors: settings.flip_aug,
    randomCrop: settings.random_crop,
    sampling: settings.latent_sampling,
    masked,
    latents,
    texts,
    scale: latent.scale,
    factor: latent.factor,
  });
  await source.prepare();
  if (!settings.random_crop) await latents.dispose();
  log(`${source.batchesPerEpoch} ${source.batchesPerEpoch === 1 ? 'batch' : 'batches'} an epoch`);
  if (share > 0 && split.heldOut.length === 0) {
    const pictures = counted(dataset.items.length, 'picture');
    warn(`validation_split ${share} of ${pictures} is none: no held-out loss`);
  }
  return { source, texts, latents, captions };
}

/** What is written and drawn on the way and at the end. */
function hooksOf(
  settings: MethodConfig,
  { root, warn }: RunContext,
  { model, dataset, drawing, prompts: given, write, begin, finish }: DenoisingSubject,
  { texts, latents, captions }: ShownPictures,
): Pick<TrainingTask, 'sample' | 'publish' | 'begin' | 'finish'> {
  const { width, height } = pictureSizeOf(settings, model.parts.limits);
  const shownCaptions = [...new Set(dataset.items.map(({ caption = '' }) => plainCaption(caption, captions)))];
  const prompts = samplePrompts(settings, root, given ?? promptsOf(shownCaptions));
  const facts = { settings, model, dataset, resolution: `${width}x${height}`, trigger: learntWord(settings)?.text };
  const publish = async (weights: Weights, step: number): Promise<void> => await write(weights, { ...facts, step });
  return {
    publish,
    begin,
    async sample(weights, step): Promise<PixelImage | undefined> {
      await publish(weights, step);
      const images = await draw(
        drawing,
        prompts.map((prompt) => withResult(settings, prompt, 1)),
      );
      return sheet(images, Math.min(4, images.length));
    },
    async finish(weights, step) {
      await publish(weights, step);
      if (texts.cut.size > 0) warn(`${texts.cut.size} captions are longer than is read: their ends are cut off`);
      await texts.dispose();
      await latents.dispose();
      await finish(weights, step, prompts);
    },
  };
}

/** Windows of text that are read. */
function windowsOf({ max_token_length: length }: MethodConfig): number {
  return length / 75;
}

/** The word that an embedding stands for. */
function learntWord(settings: MethodConfig): { readonly text: string; readonly vectors: number } | undefined {
  return settings.task === 'ti' ? { text: wordOf(settings), vectors: settings.num_vectors_per_token } : undefined;
}

/** Where the result is: beside the user's other models, where prompts find it, or in the run's folder. */
export async function installed(
  file: string,
  { kind, extension }: Pick<ResultForm, 'kind' | 'extension'>,
  { output_name: name }: { readonly output_name: string },
  { install, modelRoots: [root] }: RunContext,
): Promise<string> {
  if (!install) return file;
  const folder = await folderForKind(root!, kind);
  await mkdir(folder, { recursive: true });
  const target = path.join(folder, name + extension);
  await copyFile(file, target);
  return target;
}

function bucketOptions(settings: MethodConfig, size: PictureSize, { parts }: BaseModel) {
  const { bucket_reso_steps: step, min_bucket_reso: min, max_bucket_reso: max } = settings;
  const { gridMultiple } = parts.limits;
  if (step % gridMultiple !== 0) {
    const message = `bucket_reso_steps is ${step}; this model takes multiples of ${gridMultiple}`;
    throw new UserError('training.size', message);
  }
  const small = Math.min(min, size.width, size.height);
  return { size, min: Math.ceil(small / step) * step, max, step, noUpscale: settings.bucket_no_upscale };
}

function predictionOf({ v_parameterization: asked }: MethodConfig, { parts }: BaseModel): Prediction {
  const own = parts.prediction;
  if (own === 'flow') throw new UserError('training.prediction', 'models of rectified flow cannot be trained yet');
  if (asked === undefined) return own;
  return asked ? 'v' : 'eps';
}

function captionRules(settings: MethodConfig, root: string, word: string | undefined): CaptionRules {
  return {
    separator: settings.caption_separator,
    prefix: settings.caption_prefix,
    suffix: settings.caption_suffix,
    shuffle: settings.shuffle_caption,
    keep: settings.keep_tokens,
    dropout: settings.caption_dropout_rate,
    tagDropout: settings.caption_tag_dropout_rate,
    emptyEpochs: settings.caption_dropout_every_n_epochs,
    templates: templatesOf(settings.caption_template, root, word),
    name: word ?? settings.output_name,
  };
}

/** An embedding's word must stand in its captions. */
function templatesOf(given: string | undefined, root: string, word: string | undefined): string[] {
  if (given === undefined) return word === undefined ? [] : ['[filewords], [name]', '[name], [filewords]'];
  const file = path.resolve(root, given);
  const lines = existsSync(file) ? readPlainTextAtOnce(file).split('\n') : [given];
  const templates = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (word !== undefined && !templates.every((line) => line.includes('[name]'))) {
    throw new UserError('training.template', 'each line of caption_template must have [name], which is what is learnt');
  }
  return templates;
}

const fewPrompts = 3;
const firstSeed = 7;

/** Those of the settings, lines or files of them, or others; each with a seed. */
function samplePrompts(
  { sample_prompts: given }: MethodConfig,
  root: string,
  others: readonly SamplePrompt[],
): SamplePrompt[] {
  const lines = given.flatMap((line) => {
    const file = path.resolve(root, line);
    return existsSync(file) ? readPlainTextAtOnce(file).split('\n') : [line];
  });
  const asked = lines.flatMap((line) => parseSamplePrompt(line) ?? []);
  return (asked.length > 0 ? asked : others).map((prompt, i) => ({ seed: firstSeed + i, ...prompt }));
}

const promptsOf = (captions: readonly string[]): SamplePrompt[] =>
  captions.slice(0, fewPrompts).map((prompt) => ({ prompt: literally(prompt) }));

/** A caption's brackets are no syntax. */
export function literally(caption: string): string {
  return caption.replace(/[\\()[\]<>]/g, '\\$&');
}
