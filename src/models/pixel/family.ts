/**
 * Diffusion of pixels themselves, unconditional or by class (Ho et al. 2020, arXiv:2006.11239): the U-Net of latent
 * diffusion on three channels of colour, without an autoencoder.
 *
 * A class is a row of a table that cross-attention reads; a text without the name of a class is what is drawn without
 * one, so guidance works as with words. Written by Darkroom's own trainer; its metadata tell the family.
 */

import { cast, expand, greaterEqual, input, mul, sum } from '#graph/build';
import { filled, unsqueeze } from '#graph/compose';
import { closeGraph, type Graph } from '#graph/value';
import type { AutoencoderPart, ModelFamily, ModelParts, TextEncoderPart } from '../family.ts';
import { sameName } from '../keys.ts';
import { ldmComponents, ldmIgnored } from '../ldm/family.ts';
import { ModelFileError } from '../model-error.ts';
import { batchDim, gridBindings, gridStep, type ImageSize, latentGrid } from '../nn/grid.ts';
import { embedding } from '../nn/layers.ts';
import { Scope } from '../nn/scope.ts';
import { noiseTableOf } from '../training-noise.ts';
import { isLdmUNet } from '../unet/infer.ts';
import { ldmUNetKeys } from '../unet/keys.ts';
import { unetGraph, unetScope } from '../unet/network.ts';
import { classIds, classTokenizer, firstClass } from './class-names.ts';
import { type PixelConfig, readPixelConfig } from './config.ts';

const classScope = 'classes';
/** Of a window of text, as pipelines cut it. */
const positions = 77;
const classPrefix = 'cond_stage_model.';

export const pixel: ModelFamily<PixelConfig> = {
  id: 'pixel',
  title: 'pixel diffusion',
  matches: ({ told, tensors }) => told === 'pixel' || (told === undefined && tensors.has(`${classPrefix}table.weight`)),
  variants: [undefined],
  components: [
    ldmComponents.find(({ component }) => component === unetScope)!,
    { component: classScope, prefixes: [classPrefix], recognise: (tensors) => tensors.has('table.weight') },
  ],
  configOfSingleFile: (_components, { embedded }) => readPixelConfig(embedded!),
  configOfFolder: () => refuse('a folder of such a model is not known'),
  withVae: () => refuse('it draws pixels and has no VAE to replace'),
  keys: (config, component, tensors) =>
    component === unetScope && isLdmUNet(tensors) ? ldmUNetKeys(config.unet) : sameName,
  singleFile: ({ unet }) => [
    { component: unetScope, prefix: 'model.diffusion_model.', keys: ldmUNetKeys(unet) },
    { component: classScope, prefix: classPrefix, keys: sameName },
  ],
  adapterKeys: ({ unet }, component) => (component === unetScope ? [ldmUNetKeys(unet)] : []),
  parameters(config) {
    const scope = new Scope();
    unetGraph(config.unet, { scope: scope.child(unetScope) });
    classGraph(config, scope.child(classScope));
    return scope.declared();
  },
  ignored: ldmIgnored,
  parts: pixelParts,
};

function refuse(reason: string): never {
  throw new ModelFileError('unsupported', reason);
}

function pixelParts(config: PixelConfig): ModelParts {
  const { unet, sampleSize: side } = config;
  const levels = unet.blockChannels.length;
  const step = gridStep(levels);
  return {
    latent: {
      channels: 3,
      scale: 1,
      factor: 1,
      previewFactors: [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    },
    prediction: config.prediction,
    noiseTable: (options) => noiseTableOf(config.schedule, options),
    limits: {
      defaultSize: { width: side, height: side },
      sizeMultiple: step,
      gridMultiple: step,
      maxClipSkip: 1,
    },
    textEncoders: [classEncoder(config)],
    denoiser: {
      component: unetScope,
      contextWidth: unet.contextWidth,
      inChannels: unet.inChannels,
      extraInput: 'none',
      unet,
      graph: (size) => unetGraph(unet, size && { size }),
      bindings: (size) =>
        size.height % step === 0 && size.width % step === 0 ? gridBindings(levels, size) : undefined,
    },
    autoencoder: pixels(levels),
  };
}

function classEncoder(config: PixelConfig): TextEncoderPart {
  const tokenizer = classTokenizer(config.classes);
  return {
    component: classScope,
    positions,
    width: config.unet.contextWidth,
    padId: tokenizer.endId,
    tokenizer: () => tokenizer,
    graph: () => classGraph(config),
  };
}

/** Every position says the same, the sum of the classes that stand anywhere: what ends and fills a text says nothing. */
function classGraph({ classes, unet }: PixelConfig, scope = new Scope(classScope)): Graph {
  const ids = input('ids', 'i64', [batchDim(), positions]);
  const rows = embedding(scope.child('table'), ids, classIds(classes.length), unet.contextWidth, 1);
  const isClass = unsqueeze(cast(greaterEqual(ids, firstClass), 'f32'), -1);
  const said = sum(mul(rows, isClass), [1], true);
  return closeGraph('classes', { context: expand(said, rows.shape) });
}

/** Nothing is encoded: a picture is its own latent, without doubt. */
function pixels(levels: number): AutoencoderPart {
  const image = (name: string, { height, width }: ImageSize = latentGrid(levels)) =>
    input(name, 'f32', [batchDim(), 3, height, width]);
  return {
    component: 'pixels',
    encoderGraph(size) {
      const mean = image('image', size);
      return closeGraph('pixels-encoder', { mean, logvar: filled(surely, 'f32', mean.shape) });
    },
    decoderGraph: (size) => closeGraph('pixels-decoder', { image: image('latent', size) }),
  };
}

/** Log variance of what is certain. */
const surely = -30;
