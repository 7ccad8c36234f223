/**
 * Stable Diffusion 2.x, text-to-image and inpainting: OpenCLIP ViT-H's state before its last layer, normed; linear
 * projections in the U-Net.
 */

import { clipPrefix } from '../clip/infer.ts';
import { clipEncoderGraph, textEncoderScope } from '../clip/network.ts';
import { isOpenClip, openClipKeys } from '../clip/open-clip.ts';
import { clipTokenizer } from '../clip/tokenizer.ts';
import type { ModelFamily, ModelParts } from '../family.ts';
import {
  declareLdm,
  ldmAdapterKeys,
  ldmComponents,
  ldmIgnored,
  ldmKeys,
  ldmSingleFile,
  ldmWithVae,
} from '../ldm/family.ts';
import { ldmFolderFiles } from '../ldm/folder-files.ts';
import { klF8Preview, klF8TinyNames, ldmParts } from '../ldm/parts.ts';
import { type DeclaredParameter, Scope } from '../nn/scope.ts';
import type { FoundModel } from '../traits.ts';
import { type Sd2Config, sd2FromFolder, sd2FromTensors, tellingBias } from './config.ts';

const textPrefixes = ['cond_stage_model.model.', 'text_encoder.'];
/** Widths of the image embeddings that unCLIP models add to the time's. */
const unclipWidths: readonly number[] = [1536, 2048];

const matches = ({ unet }: FoundModel): boolean =>
  unet?.contextWidth !== undefined &&
  unet.linearProjection &&
  (unet.vectorWidth === undefined || unclipWidths.includes(unet.vectorWidth));

/** The layers of `config` are those that are run; the norm follows the last of them. */
const encoding = { skip: 0, finalNorm: true };

export const sd2: ModelFamily<Sd2Config> = {
  id: 'sd2',
  title: 'Stable Diffusion 2',
  contextWidth: 1024,
  knownAs: { architecture: 'stable-diffusion-v2-512', baseVersion: 'sd_v2' },
  matches,
  variantOf: ({ unet }) => (unclipWidths.includes(unet?.vectorWidth ?? 0) ? 'unclip' : undefined),
  variants: [undefined, 'inpaint'],
  reads: [tellingBias],
  components: [
    ...ldmComponents,
    {
      component: textEncoderScope,
      prefixes: textPrefixes,
      recognise: (t) => isOpenClip(t) || clipPrefix(t) !== undefined,
    },
  ],
  configOfSingleFile: sd2FromTensors,
  configOfFolder: sd2FromFolder,
  withVae: ldmWithVae,
  keys: ldmKeys,
  singleFile: (config) =>
    ldmSingleFile(config, [{ component: textEncoderScope, prefix: 'cond_stage_model.model.', keys: openClipKeys }]),
  folderFiles: (config) => ldmFolderFiles('StableDiffusionPipeline', config, { text_encoder: config.textEncoder }),
  adapterKeys: ldmAdapterKeys,
  parameters,
  // The layer that is not run, and what only a pooled text would need.
  ignored: [
    ...ldmIgnored,
    /(^|\.)text_projection(\.weight)?$/,
    /^cond_stage_model\.model\.transformer\.resblocks\.\d+\./,
  ],
  parts,
};

function parameters(config: Sd2Config): readonly DeclaredParameter[] {
  const scope = new Scope();
  declareLdm(config, scope);
  clipEncoderGraph(config.textEncoder, encoding, scope.child(textEncoderScope));
  return scope.declared();
}

function parts(config: Sd2Config): ModelParts {
  const { textEncoder: clip } = config;
  return ldmParts(config, {
    textEncoders: [
      {
        component: textEncoderScope,
        positions: clip.positions,
        width: clip.width,
        padId: 0,
        tokenizer: clipTokenizer,
        graph: () => clipEncoderGraph(clip, encoding),
      },
    ],
    // A1111 leaves it without effect for this encoder.
    maxClipSkip: 1,
    previewFactors: klF8Preview(config.vae),
    tinyNames: klF8TinyNames,
  });
}
