/**
 * `vae`: the autoencoder of a model goes on learning on a folder of pictures. The result is a VAE file that any model of
 * its kind can be given; the report shows pictures beside what it makes of them before and after.
 */

import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '#core/errors';
import { f32, type HostTensor } from '#core/tensor';
import { metadataNames } from '#models/family';
import { singleFileTensors } from '#models/ldm/family';
import type { TrainingTask, Weights } from '#training/loop';
import type { TrainedParameter } from '#training/networks/trained-networks';
import { pictureSizeOf } from '#training/settings/commons';
import type { VaeSettings } from '#training/settings/own-models';
import { tile } from '#training/tasks/autoencoder';
import { vaeTask } from '#training/tasks/vae';
import { keptInMemory, randomPictures, type TrainingPictures } from '../captioned-pictures.ts';
import type { DatasetItem } from '../data/dataset.ts';
import { type BaseModel, openBaseModel } from '../methods/base-model.ts';
import { splitHeldOut } from '../methods/examples.ts';
import { datasetOf, installed } from '../methods/prepare.ts';
import { resultRoot } from '../methods/result-files.ts';
import { writeTensors } from '../methods/trained-result.ts';
import { readSquare } from '../picture-folder.ts';
import { reportPage } from '../report-page.ts';
import type { RunContext } from '../run-context.ts';
import { reconstructions } from './reconstructions.ts';

export type VaeConfigured = VaeSettings & { readonly run: string };

const form = { kind: 'vae', extension: '.safetensors' } as const;
const mostShown = 6;

export async function prepareVae(settings: VaeConfigured, context: RunContext): Promise<TrainingTask> {
  const { backend, root, log } = context;
  const model = await openBaseModel(settings.pretrained_model_name_or_path, settings.vae, context);
  const size = sideOf(settings, model);
  const dataset = await datasetOf({ ...settings, caption_extension: '.txt' }, context);
  const { items, heldOut } = splitHeldOut(dataset.items, settings.validation_split, settings.seed);
  const pictures = await keptInMemory(squares(items, size));
  const aside = squares(heldOut, size);
  const shown = squares((heldOut.length > 0 ? heldOut : items).slice(0, mostShown), size);
  const trained = await parametersOf(settings, model);
  const file = path.join(
    resultRoot(path.resolve(root, settings.run)),
    'vae',
    `${settings.output_name}${form.extension}`,
  );
  const remade = (weights: Weights | undefined) => reconstructions({ backend, model, weights, pictures: shown });
  const write = async (weights: Weights, step: number): Promise<void> =>
    await writeTensors(file, await vaeTensors(model, weights), settings.save_precision, {
      'modelspec.title': settings.output_name,
      'modelspec.architecture': `${metadataNames(model.family).architecture}/vae`,
      'darkroom.steps': String(step),
      ...(settings.training_comment !== undefined && { ss_training_comment: settings.training_comment }),
    });
  return vaeTask(
    {
      parts: model.parts,
      weights: model.weights,
      trained,
      batchSize: settings.train_batch_size,
      crop: settings.crop,
      klWeight: settings.kl_weight,
      gradientWeight: settings.edge_weight,
      source: randomPictures(pictures),
      heldOut: async () => await Promise.all(heldOut.map(async (_, i) => await aside.read([i]))),
    },
    {
      publish: write,
      async sample(weights) {
        const { planes, count } = await remade(weights);
        return tile(planes, count, size, count);
      },
      async finish(weights, step) {
        await write(weights, step);
        if (settings.effect_report) await reportVae(settings, context, await remade(undefined), await remade(weights));
        log(`the result is ${await installed(file, form, settings, context)}`);
      },
    },
  );
}

function sideOf(settings: VaeConfigured, model: BaseModel): number {
  const { width, height } = pictureSizeOf(settings, model.parts.limits);
  const { factor } = model.parts.latent;
  if (
    model.family.parameters(model.config).every(({ name }) => !name.startsWith(`${model.parts.autoencoder.component}.`))
  ) {
    throw new UserError('training.model', `${settings.pretrained_model_name_or_path} draws pixels and has no VAE`);
  }
  const { crop } = settings;
  if (width === height && crop <= width && crop % (8 * factor) === 0) return width;
  const message = `crop is ${crop}, resolution ${width}x${height}; expected a square, and a crop of a multiple of ${8 * factor} that is no larger`;
  throw new UserError('training.size', message);
}

function squares(items: readonly DatasetItem[], size: number): TrainingPictures {
  return {
    count: items.length,
    size,
    read: async (indices) => Buffer.concat(await Promise.all(indices.map((i) => readSquare(items[i]!.file, size)))),
  };
}

/** The decoder's parameters, or all. */
async function parametersOf({ train_encoder: all }: VaeConfigured, { family, config, parts, read }: BaseModel) {
  const { component } = parts.autoencoder;
  const learns = all ? new RegExp(`^${component}\\.`) : new RegExp(`^${component}\\.(decoder|post_quant_conv)\\.`);
  const trained: (TrainedParameter & { initial: { kind: 'values'; values: Float32Array } })[] = [];
  for (const { name, shape } of family.parameters(config)) {
    if (learns.test(name)) trained.push({ name, shape, initial: { kind: 'values', values: await read(name) } });
  }
  return trained;
}

/** Every tensor of the VAE under the names of the original layout, as files of VAEs have them. */
async function vaeTensors(
  { family, config, parts, read }: BaseModel,
  weights: Weights,
): Promise<Map<string, HostTensor>> {
  const { component } = parts.autoencoder;
  const layout = (family.singleFile?.(config) ?? []).filter((part) => part.component === component);
  const tensors = new Map<string, HostTensor>();
  for (const { parameter, name, shape } of singleFileTensors(family.parameters(config), layout)) {
    const values = (weights.get(parameter)?.data as Float32Array | undefined) ?? (await read(parameter));
    tensors.set(name.slice(layout[0]!.prefix.length), f32(shape, values));
  }
  return tensors;
}

/** @throws UserError `training.no-effect` */
async function reportVae(
  settings: VaeConfigured,
  { files }: RunContext,
  before: Awaited<ReturnType<typeof reconstructions>>,
  after: Awaited<ReturnType<typeof reconstructions>>,
): Promise<void> {
  const { size, count } = after;
  const report = { name: settings.output_name, method: 'vae', before: before.error, after: after.error };
  await files.writeText('report/report.json', `${JSON.stringify(report, null, 2)}\n`);
  const { data, width, height } = tile(
    Float32Array.from([...after.originals, ...before.planes, ...after.planes]),
    3 * count,
    size,
    count,
  );
  const picture = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  await files.writeBytes('report/pictures.png', [picture]);
  await files.writeText('report/index.html', page(report));
  if (before.planes.some((value, i) => value !== after.planes[i])) return;
  throw new UserError(
    'training.no-effect',
    'failed: no effect: pictures come out as before. Try a higher learning_rate (ten times) or more steps.',
  );
}

function page({ name, before, after }: { name: string; before: number; after: number }): string {
  const verdict =
    after < before
      ? 'They come closer to the originals.'
      : 'They are no closer to the originals: take more steps or a lower learning_rate.';
  const body = `<p>Pictures, what the VAE made of them before, and after. Mean error of a colour value (0 to 255): ${before.toFixed(2)} before, ${after.toFixed(2)} after. ${verdict}</p>
<p><img src="pictures.png" alt="Originals, reconstructions before and after"></p>
`;
  return reportPage(`${name}: VAE`, body);
}
