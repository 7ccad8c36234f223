/**
 * The configuration that Darkroom's trainer writes into the metadata of its single files, under `darkroom.config`:
 * JSON of the component configs by their own field names, so that nothing has to be inferred.
 */

import type { ClipTextConfig } from '../clip/config.ts';
import { type CountRange, type Fields, mostLayers } from '../fields.ts';
import type { UNetConfig } from '../unet/config.ts';
import type { VaeConfig } from '../vae/config.ts';
import type { Sd1Config } from './config.ts';

/** The text to store under `darkroom.config`. */
export function embeddedConfig({ textEncoder, ...rest }: Sd1Config): string {
  return JSON.stringify({ family: 'sd1', ...rest, text_encoder: textEncoder });
}

/** The inverse of `embeddedConfig`; prediction, schedule and sample size may be absent and are then SD 1's. */
export function readEmbedded(fields: Fields): Sd1Config {
  const schedule = fields.child('schedule');
  return {
    unet: readUNet(fields.need('unet')),
    vae: readVae(fields.need('vae')),
    textEncoder: readText(fields.need('text_encoder')),
    prediction: fields.oneOf('prediction', ['eps', 'v', 'x0'], 'eps'),
    schedule: {
      kind: 'scaled-linear',
      betaStart: schedule?.number('betaStart') ?? 0.00085,
      betaEnd: schedule?.number('betaEnd') ?? 0.012,
      steps: schedule?.count('steps') ?? 1000,
    },
    sampleSize: fields.count('sampleSize', 64),
  };
}

function readUNet(fields: Fields): UNetConfig {
  const blockChannels = fields.counts('blockChannels');
  const perLevel = (name: string, range: CountRange): number[] => {
    const values = fields.counts(name, range);
    if (values.length !== blockChannels.length) throw fields.wrong(name, `${blockChannels.length} numbers`, values);
    return values;
  };
  return {
    inChannels: fields.count('inChannels'),
    outChannels: fields.count('outChannels'),
    blockChannels,
    layersPerBlock: fields.count('layersPerBlock', undefined, { most: mostLayers }),
    transformerDepth: perLevel('transformerDepth', { least: 0, most: mostLayers }),
    midTransformerDepth: fields.count('midTransformerDepth', undefined, { least: 0, most: mostLayers }),
    heads: perLevel('heads', {}),
    contextWidth: fields.count('contextWidth'),
    linearProjection: fields.boolean('linearProjection'),
    normGroups: fields.count('normGroups'),
  };
}

function readVae(fields: Fields): VaeConfig {
  return {
    imageChannels: fields.count('imageChannels'),
    latentChannels: fields.count('latentChannels'),
    blockChannels: fields.counts('blockChannels'),
    layersPerBlock: fields.count('layersPerBlock', undefined, { most: mostLayers }),
    normGroups: fields.count('normGroups'),
    midAttention: fields.boolean('midAttention'),
    quantConv: fields.boolean('quantConv'),
    postQuantConv: fields.boolean('postQuantConv'),
    scalingFactor: fields.number('scalingFactor'),
  };
}

function readText(fields: Fields): ClipTextConfig {
  return {
    vocabSize: fields.count('vocabSize'),
    positions: fields.count('positions'),
    width: fields.count('width'),
    layers: fields.count('layers', undefined, { most: mostLayers }),
    heads: fields.count('heads'),
    mlpWidth: fields.count('mlpWidth'),
    activation: fields.oneOf('activation', ['quickGelu', 'gelu']),
  };
}
