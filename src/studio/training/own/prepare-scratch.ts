/**
 * `scratch`: a model of one's own from a folder of pictures alone, to samples in one command. Pixels without words
 * (Ho et al. 2020, arXiv:2006.11239), pixels by class, or text to picture on the latents of an autoencoder that is
 * trained on the same pictures first (Rombach et al. 2022, arXiv:2112.10752). `generate` opens the result as any model.
 */

import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '#core/errors';
import { metadataNames } from '#models/family';
import { ddpmSchedule, embeddedPixelConfig } from '#models/pixel/config';
import { pixel } from '#models/pixel/family';
import type { SamplePrompt } from '#training/captions';
import type { TrainingTask } from '#training/loop';
import { type MethodSettings, methodSchemas } from '#training/settings/methods';
import type { Dataset } from '../data/dataset.ts';
import { type DrawingOptions, draw, sheet, usualDrawing } from '../methods/drawing.ts';
import { datasetOf, installed, literally, prepareDenoising } from '../methods/prepare.ts';
import { resultForms, resultRoot } from '../methods/result-files.ts';
import { escaped, reportPage } from '../report-page.ts';
import type { RunContext } from '../run-context.ts';
import { newLatentModel } from './latent-model.ts';
import {
  type BegunModel,
  newModel,
  newNetworks,
  type ScratchConfigured,
  sideOf,
  unetFor,
  writeNewModel,
} from './new-models.ts';

export async function prepareScratch(settings: ScratchConfigured, context: RunContext): Promise<TrainingTask> {
  const { backend, files, root, log } = context;
  const dataset = said(settings, await datasetOf(settings, context));
  const run = path.resolve(root, settings.run);
  const file = path.join(resultRoot(run), resultForms.finetune.folder, `${settings.output_name}.safetensors`);
  const { model, starts } =
    settings.kind === 'latent'
      ? await newLatentModel(settings, dataset, file, context)
      : pixelModel(settings, dataset, file);
  const { defaultSize: size } = model.parts.limits;
  const drawing: DrawingOptions = {
    backend,
    model: file,
    vae: undefined,
    roots: [resultRoot(run), ...context.modelRoots],
    size,
    usual: settings.kind === 'pixel' ? usualDrawing.unconditional : usualDrawing.fresh,
  };
  return await prepareDenoising(asFineTuning(settings, size.width), context, {
    model,
    dataset,
    classItems: [],
    networks: newNetworks(model, starts),
    drawing,
    prompts: promptsOf(settings, dataset),
    async write(weights, { step }) {
      const all = model.trainedAlready ? new Map([...model.trainedAlready, ...weights]) : weights;
      await writeNewModel(file, model, all, settings.save_precision, {
        'modelspec.title': settings.output_name,
        'modelspec.architecture': metadataNames(model.family).architecture,
        'darkroom.steps': String(step),
        ...(settings.training_comment !== undefined && { ss_training_comment: settings.training_comment }),
      });
    },
    async finish(_weights, step, prompts) {
      if (settings.effect_report) {
        const image = sheet(await draw(drawing, prompts), 4);
        const { data, width, height, channels } = image;
        const png = await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
        await files.writeBytes('report/pictures.png', [png]);
        await files.writeText('report/index.html', page(settings, step, prompts));
        checkPictures(data);
      }
      log(`the result is ${await installed(file, resultForms.finetune, settings, context)}`);
    },
  });
}

/** @throws UserError `training.no-effect` for samples of one colour, which nothing was learnt from */
function checkPictures(values: ArrayLike<number>): void {
  const data = Float32Array.from(values);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  if (deviation >= 1) return;
  const message = 'failed: no effect: its pictures are of one colour. Try more steps or another learning_rate.';
  throw new UserError('training.no-effect', message);
}

/** With what is said of each picture by this kind: nothing, its folder, or its caption. */
function said(settings: ScratchConfigured, dataset: Dataset): Dataset {
  const captionOf = (item: Dataset['items'][number]): string | undefined => {
    if (settings.kind === 'pixel') return '';
    return settings.kind === 'class' ? classOf(item.name) : item.caption;
  };
  return { ...dataset, items: dataset.items.map((item) => ({ ...item, caption: captionOf(item) })) };
}

/** kohya's `10_token class` and plain folders; a picture in none has no class. */
function classOf(name: string): string {
  const [folder, ...rest] = name.split(/[\\/]/);
  return rest.length === 0 ? '' : folder!.replace(/^\d+_/, '').replaceAll('_', ' ').trim();
}

function pixelModel(settings: ScratchConfigured, { items }: Dataset, path: string): BegunModel {
  const classes = [...new Set(items.map(({ caption = '' }) => caption))].filter((name) => name !== '').sort();
  if (settings.kind === 'class' && classes.length < 2) {
    const got = classes.length === 0 ? 'no folder' : `one folder (${classes[0]})`;
    const message = `kind class takes the names of folders for classes, and there is ${got} in ${settings.train_data_dir}; put pictures into a folder for each class, or take kind pixel`;
    throw new UserError('training.class', message);
  }
  const side = sideOf(settings, 64, 8);
  const unet = unetFor(side, 3, settings, settings.model_channels);
  const config = {
    unet,
    classes,
    prediction: settings.v_parameterization === false ? ('eps' as const) : ('v' as const),
    schedule: { ...ddpmSchedule, zeroTerminalSnr: settings.zero_terminal_snr || undefined },
    sampleSize: side,
  };
  return { model: newModel(pixel, config, embeddedPixelConfig(config), { path }) };
}

const fewSamples = 8;

/** Prompts of each class, or of captions, or none at all. */
function promptsOf({ kind }: ScratchConfigured, { items }: Dataset): SamplePrompt[] {
  const texts =
    kind === 'pixel' ? Array<string>(fewSamples).fill('') : [...new Set(items.map(({ caption = '' }) => caption))];
  return texts.slice(0, fewSamples).map((prompt) => ({ prompt: literally(prompt) }));
}

/** As the settings of a fine-tuning, with what a model from nothing leaves no choice in. */
function asFineTuning(
  settings: ScratchConfigured,
  side: number,
): MethodSettings<'finetune'> & { readonly run: string } {
  const usual = methodSchemas.finetune.parse({ task: 'finetune', train_data_dir: '.', output_name: 'usual' });
  const { kind: _kind, model_channels: _channels, task: _task, ...own } = settings;
  return {
    ...usual,
    ...own,
    task: 'finetune',
    resolution: String(side),
    v_parameterization: settings.v_parameterization ?? true,
    effect_report: false,
  };
}

function page(settings: ScratchConfigured, step: number, prompts: readonly SamplePrompt[]): string {
  const names = prompts.flatMap(({ prompt }) => (prompt === '' ? [] : [escaped(prompt)]));
  const body = `<p>What the model draws${names.length > 0 ? `: ${names.join(', ')}` : ''}.</p>
<p><img src="pictures.png" alt="Samples"></p>
`;
  return reportPage(`${settings.output_name}: from scratch, ${step} steps`, body);
}
