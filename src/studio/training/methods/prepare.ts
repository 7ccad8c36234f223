/** The task of a method's settings: model, pictures, captions, networks, and what is written and drawn on the way. */

import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { PictureSize } from '#training/buckets';
import { type CaptionRules, parseSamplePrompt, plainCaption, type SamplePrompt } from '#training/captions';
import { alphaBarsOf, type Prediction } from '#training/diffusion-objective';
import type { TrainingTask, Weights } from '#training/loop';
import { networksOf } from '#training/networks/of-method';
import { lossOf, noiseOf, pictureSizeOf } from '#training/settings/commons';
import type { MethodSettings } from '#training/settings/methods';
import { denoisingTask, readsText } from '#training/tasks/denoising';
import { TextInputs } from '#training/tasks/text-inputs';
import { folderForKind } from '../../library/layout.ts';
import { readDataset } from '../data/dataset.ts';
import type { RunContext } from '../run-context.ts';
import { type BaseModel, openBaseModel } from './base-model.ts';
import { classPictures } from './class-pictures.ts';
import { draw, sheet } from './drawing.ts';
import { reportEffect } from './effect.ts';
import { ExampleSource, splitHeldOut } from './examples.ts';
import { Latents } from './latents.ts';
import { resultFile, resultForms, resultRoot } from './result-files.ts';
import { withResult, wordOf } from './result-prompt.ts';
import type { ResultFacts } from './trained-result.ts';
import { checkForm } from './whole-model.ts';

export type MethodConfig = MethodSettings & { readonly run: string };

export async function prepareMethod(settings: MethodConfig, context: RunContext): Promise<TrainingTask> {
  const { backend, files, log, warn, root } = context;
  const { threads } = settings;
  const model = await openBaseModel(settings.pretrained_model_name_or_path, settings.vae, context);
  const isWhole = resultForms[settings.task].kind === 'checkpoint';
  if (isWhole) checkForm(model);
  const dataset = await readDataset(path.resolve(root, settings.train_data_dir), {
    captionExtension: settings.caption_extension,
  });
  for (const warning of dataset.warnings) warn(warning);
  log(`${dataset.items.length} pictures in ${settings.train_data_dir}`);
  const size = pictureSizeOf(settings, model.parts.limits);
  const run = path.resolve(root, settings.run);
  const classItems = await classPictures(settings, { ...context, model, size, run });
  const networks = await networksOf(settings, model);
  const windows = settings.max_token_length / 75;
  const { clip_skip: clipSkip } = settings;
  const word = settings.task === 'ti' ? { text: wordOf(settings), vectors: settings.num_vectors_per_token } : undefined;
  const isInside = readsText({ model, networks });
  const texts = new TextInputs({ backend, model, networks, isInside, windows, clipSkip, threads, word });
  const latents = new Latents({
    backend,
    files,
    model,
    masked: settings.masked_loss,
    toDisk: settings.cache_latents_to_disk,
    threads,
    log,
  });
  const captions = captionRules(settings, root, word?.text);
  const source = new ExampleSource({
    ...splitHeldOut(dataset.items, settings.validation_split, settings.seed),
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
    masked: settings.masked_loss,
    latents,
    texts,
    scale: model.parts.latent.scale,
    factor: model.parts.latent.factor,
  });
  await source.prepare();
  if (!settings.random_crop) await latents.dispose();
  log(`${source.batchesPerEpoch} batches an epoch`);
  const facts = (step: number): ResultFacts => ({
    settings,
    model,
    dataset,
    step,
    resolution: `${size.width}x${size.height}`,
    trigger: word?.text,
  });
  const file = resultFile(run, settings.task, settings.output_name);
  const drawing = {
    backend,
    model: isWhole ? file : model.path,
    vae: isWhole ? undefined : settings.vae,
    roots: [resultRoot(run), ...context.modelRoots],
    size,
  };
  const shownCaptions = [...new Set(dataset.items.map(({ caption = '' }) => plainCaption(caption, captions)))];
  const write = async (weights: Weights, step: number): Promise<void> =>
    await resultForms[settings.task].write(file, weights, facts(step), networks);
  const table = model.parts.noiseTable(settings.zero_terminal_snr);
  const { factor } = model.parts.latent;
  return denoisingTask(
    {
      model,
      weights: model.weights,
      networks,
      prediction: predictionOf(settings, model),
      alphaBars: alphaBarsOf(table),
      batchSize: settings.train_batch_size * (classItems.length > 0 ? 2 : 1),
      loss: lossOf(settings),
      noise: noiseOf(settings),
      timesteps: [settings.min_timestep, Math.min(settings.max_timestep, table.sigmas.length)],
      windows,
      clipSkip,
      sizes: source.sizes.map(({ width, height }) => ({ width: width / factor, height: height / factor })),
      examples: (step, part, random) => source.next(step, part, random),
      heldOut: () => source.heldOut(),
    },
    {
      publish: write,
      async begin(weights) {
        if (!isWhole) await files.writeTensors('start.safetensors', weights);
      },
      async sample(weights, step): Promise<PixelImage | undefined> {
        await write(weights, step);
        const prompts = samplePrompts(settings, root, shownCaptions);
        const images = await draw(
          drawing,
          prompts.map((prompt) => withResult(settings, prompt, 1)),
        );
        return sheet(images, Math.min(4, images.length));
      },
      async finish(weights, step) {
        await write(weights, step);
        if (texts.cut.size > 0) warn(`${texts.cut.size} captions are longer than is read: their ends are cut off`);
        await texts.dispose();
        await latents.dispose();
        if (settings.effect_report) {
          const prompts = samplePrompts(settings, root, shownCaptions);
          await reportEffect({ settings, files, weights, networks, drawing, prompts, basePath: model.path, step });
        }
        log(`the result is ${context.install ? await install(file, settings, context.modelRoots) : file}`);
      },
    },
  );
}

/** The result beside the user's other models, where prompts find it. */
async function install(
  file: string,
  { task, output_name: name }: MethodConfig,
  [root]: readonly string[],
): Promise<string> {
  const { kind, extension } = resultForms[task];
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
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [given];
  const templates = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (word !== undefined && !templates.every((line) => line.includes('[name]'))) {
    throw new UserError('training.template', 'each line of caption_template must have [name], which is what is learnt');
  }
  return templates;
}

const fewPrompts = 3;
const firstSeed = 7;

function samplePrompts(
  { sample_prompts: given }: MethodConfig,
  root: string,
  captions: readonly string[],
): SamplePrompt[] {
  const lines = given.flatMap((line) => {
    const file = path.resolve(root, line);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [line];
  });
  const asked = lines.flatMap((line) => parseSamplePrompt(line) ?? []);
  const prompts =
    asked.length > 0 ? asked : captions.slice(0, fewPrompts).map((prompt) => ({ prompt: literally(prompt) }));
  return prompts.map((prompt, i) => ({ seed: firstSeed + i, ...prompt }));
}

/** A caption's brackets are no syntax. */
function literally(caption: string): string {
  return caption.replace(/[\\()[\]<>]/g, '\\$&');
}
