/**
 * SDXL, base and refiner (Podell et al. 2023, arXiv:2307.01952): the states before the last layer of two text encoders
 * side by side, the second one's pooled text and the picture's size as a further input.
 */

import { alignYourStepsSdxl } from '#diffusion/schedules';
import type { ClipTextConfig } from '../clip/config.ts';
import { clipPrefix } from '../clip/infer.ts';
import { clipKeys } from '../clip/keys.ts';
import { type ClipEncoding, clipEncoderGraph } from '../clip/network.ts';
import { isOpenClip, openClipKeys } from '../clip/open-clip.ts';
import { clipTokenizer } from '../clip/tokenizer.ts';
import type { ComponentLayout, ModelFamily, ModelParts, SingleFilePart, TextEncoderPart } from '../family.ts';
import {
  declareLdm,
  ldmAdapterKeys,
  ldmComponents,
  ldmIgnored,
  ldmKeys,
  ldmMarks,
  ldmSingleFile,
  ldmWithVae,
} from '../ldm/family.ts';
import { ldmFolderFiles } from '../ldm/folder-files.ts';
import { ldmParts } from '../ldm/parts.ts';
import { type DeclaredParameter, Scope } from '../nn/scope.ts';
import {
  firstText,
  publishedBase,
  publishedRefiner,
  type SdxlConfig,
  sdxlFromFolder,
  sdxlFromTensors,
  secondText,
} from './config.ts';
import { baseNumbers, conditioningVector, type PictureNumbers, refinerNumbers } from './size-conditioning.ts';

const refinerVectorWidth = 2560;
const embeddingKeys = { [firstText]: 'clip_l', [secondText]: 'clip_g' };
/** The state before the last layer's, as it is. */
const penultimate: ClipEncoding = { skip: 1, finalNorm: false };

const firstLayout: ComponentLayout = {
  component: firstText,
  prefixes: ['conditioner.embedders.0.transformer.', 'text_encoder.'],
  recognise: (t) => clipPrefix(t) !== undefined,
};

const secondLayout = (inFile: string): ComponentLayout => ({
  component: secondText,
  prefixes: [inFile, 'text_encoder_2.'],
  recognise: (t) => isOpenClip(t) || clipPrefix(t) !== undefined,
});

const shared = {
  configOfSingleFile: sdxlFromTensors,
  configOfFolder: sdxlFromFolder,
  withVae: ldmWithVae,
  keys: ldmKeys,
  unused,
  singleFile,
  singleFileMarks: ldmMarks,
  folderFiles,
  adapterKeys: ldmAdapterKeys,
  trainersUseFileNames: true,
  parameters,
  // The first encoder's projection is never run, the layer and norm behind its context hardly ever.
  ignored: [
    ...ldmIgnored,
    /^(conditioner\.embedders\.0\.transformer|text_encoder)\.text_projection\.weight$/,
    /^(conditioner\.embedders\.0\.transformer|text_encoder)\.text_model\.(final_layer_norm|encoder\.layers\.\d+)\./,
  ],
} satisfies Partial<ModelFamily<SdxlConfig>>;

export const sdxl: ModelFamily<SdxlConfig> = {
  ...shared,
  id: 'sdxl',
  title: 'SDXL',
  published: publishedBase,
  contextWidth: 2048,
  knownAs: { architecture: 'stable-diffusion-xl-v1-base', baseVersion: 'sdxl_base_v1-0' },
  embeddingKeys: Object.values(embeddingKeys),
  matches: ({ unet, tensors }) => unet?.vectorWidth !== undefined && unet.linearProjection && hasFirst(tensors),
  variants: [undefined, 'inpaint'],
  components: [...ldmComponents, firstLayout, secondLayout('conditioner.embedders.1.model.')],
  parts: (config) => parts(config, baseNumbers),
};

export const sdxlRefiner: ModelFamily<SdxlConfig> = {
  ...shared,
  id: 'sdxl-refiner',
  title: 'SDXL refiner',
  published: publishedRefiner,
  matches: ({ unet, tensors }) =>
    unet?.vectorWidth !== undefined &&
    unet.linearProjection &&
    (unet.vectorWidth === refinerVectorWidth || isSecondAlone(tensors)),
  variants: [undefined],
  components: [...ldmComponents, secondLayout('conditioner.embedders.0.model.')],
  parts: (config) => ({ ...parts(config, refinerNumbers), finishesOnly: true }),
};

function singleFile(config: SdxlConfig): readonly SingleFilePart[] {
  // The refiner's one encoder is the base's second.
  const second = `conditioner.embedders.${config.firstText ? 1 : 0}.model.`;
  return ldmSingleFile(config, [
    ...(config.firstText
      ? [{ component: firstText, prefix: 'conditioner.embedders.0.transformer.', keys: clipKeys }]
      : []),
    { component: secondText, prefix: second, keys: openClipKeys },
  ]);
}

function folderFiles(config: SdxlConfig): Readonly<Record<string, object>> {
  const { firstText: first, secondText: second, pooledWidth } = config;
  return ldmFolderFiles('StableDiffusionXLPipeline', config, { [firstText]: first, [secondText]: second }, pooledWidth);
}

type Names = ReadonlyMap<string, unknown>;

/** OpenCLIP where the base has CLIP ViT-L/14. */
function isSecondAlone(tensors: Names): boolean {
  return tensors.has('conditioner.embedders.0.model.ln_final.weight');
}

function hasFirst(tensors: Names): boolean {
  return !isSecondAlone(tensors);
}

function parameters(config: SdxlConfig): readonly DeclaredParameter[] {
  const scope = new Scope();
  declareLdm(config, scope);
  if (config.firstText) clipEncoderGraph(config.firstText, penultimate, scope.child(firstText));
  clipEncoderGraph(config.secondText, pooledEncoding(config), scope.child(secondText));
  return scope.declared();
}

/** The first encoder's last layer, and the norm behind it. */
function unused(config: SdxlConfig): readonly DeclaredParameter[] {
  if (!config.firstText) return [];
  const scope = new Scope();
  clipEncoderGraph(config.firstText, { skip: 0, finalNorm: true }, scope.child(firstText));
  const run = new Set(parameters(config).map(({ name }) => name));
  return scope.declared().filter(({ name }) => !run.has(name));
}

function pooledEncoding({ pooledWidth }: SdxlConfig): ClipEncoding {
  return { ...penultimate, pooledWidth };
}

function parts(config: SdxlConfig, numbers: PictureNumbers): ModelParts {
  const { firstText: first, secondText: second, unet } = config;
  const vectorWidth = unet.vectorWidth!;
  return ldmParts(config, {
    textEncoders: [...(first ? [firstEncoder(first)] : []), encoder(secondText, second, pooledEncoding(config), 0)],
    // A1111 leaves it without effect here unless told otherwise.
    maxClipSkip: 1,
    maxForcedClipSkip: first?.layers,
    tinyNames: /taesdxl/i,
    previewFactors: config.vae.latentChannels === 4 ? previewFactors : undefined,
    schedules: { alignYourSteps: alignYourStepsSdxl },
    zeroEmptyNegative: true,
    feeds: (condition) => ({
      vector: conditioningVector(condition.pooled[secondText]!, numbers.of(condition), vectorWidth),
    }),
    reads: numbers.reads,
  });
}

/** A1111's `sdxl_clip_l_skip`: the first encoder alone, its state without the norm whatever the layer. */
function firstEncoder(clip: ClipTextConfig): TextEncoderPart {
  return {
    ...encoder(firstText, clip, penultimate, clip.vocabSize - 1),
    graph({ clipSkip = 1, forced = false } = {}) {
      const encoding = forced ? { skip: clipSkip - 1, finalNorm: false } : penultimate;
      return clipEncoderGraph(clip, encoding, new Scope(firstText));
    },
  };
}

function encoder(
  component: keyof typeof embeddingKeys,
  clip: ClipTextConfig,
  encoding: ClipEncoding,
  padId: number,
): TextEncoderPart {
  return {
    component,
    positions: clip.positions,
    width: clip.width,
    pooledWidth: encoding.pooledWidth,
    padId,
    embeddingKey: embeddingKeys[component],
    tokenizer: clipTokenizer,
    graph: () => clipEncoderGraph(clip, encoding, new Scope(component)),
  };
}

/** Of SDXL's published VAE (ComfyUI comfy/latent_formats.py, SDXL). */
const previewFactors = [
  [0.3651, 0.4232, 0.4341],
  [-0.2533, -0.0042, 0.1068],
  [0.1076, 0.1111, -0.0362],
  [-0.3165, -0.2492, -0.2188],
] as const;
