/** Stable Diffusion 1.x, text-to-image, inpainting and InstructPix2Pix (Brooks et al. 2023, arXiv:2211.09800). */

import { clipPrefix } from '../clip/infer.ts';
import { clipKeys } from '../clip/keys.ts';
import { clipTextGraph, textEncoderScope } from '../clip/network.ts';
import type { ModelFamily, SingleFilePart } from '../family.ts';
import {
  declareLdm,
  ldmAdapterKeys,
  ldmComponents,
  ldmIgnored,
  ldmKeys,
  ldmMarks,
  ldmSingleFile,
  ldmWithVae,
  type SingleFileTensor,
  singleFileTensors,
} from '../ldm/family.ts';
import { ldmFolderFiles } from '../ldm/folder-files.ts';
import { type DeclaredParameter, Scope } from '../nn/scope.ts';
import type { FoundModel } from '../traits.ts';
import { type Sd1Config, sd1FromFolder, sd1FromTensors, sd15 } from './config.ts';
import { sd1Parts } from './parts.ts';

const textPrefixes = ['cond_stage_model.transformer.', 'text_encoder.', ''];

/** CLIP ViT-L/14's, which later checkpoints keep whatever their projections look like. */
const publishedWidth = 768;

function isSd1({ unet, told }: FoundModel): boolean {
  if (told !== undefined) return told === 'sd1';
  if (unet?.contextWidth === undefined || unet.vectorWidth !== undefined) return false;
  return !unet.linearProjection || unet.contextWidth === publishedWidth;
}

export const sd1: ModelFamily<Sd1Config> = {
  id: 'sd1',
  title: 'Stable Diffusion 1',
  contextWidth: publishedWidth,
  knownAs: { architecture: 'stable-diffusion-v1', baseVersion: 'sd_v1' },
  matches: isSd1,
  published: sd15,
  variants: [undefined, 'inpaint', 'instruct-pix2pix'],
  components: [
    ...ldmComponents,
    { component: textEncoderScope, prefixes: textPrefixes, recognise: (t) => clipPrefix(t) !== undefined },
  ],
  configOfSingleFile: sd1FromTensors,
  configOfFolder: sd1FromFolder,
  withVae: ldmWithVae,
  keys: ldmKeys,
  singleFile,
  singleFileMarks: ldmMarks,
  folderFiles: (config) => ldmFolderFiles('StableDiffusionPipeline', config, { text_encoder: config.textEncoder }),
  adapterKeys: ldmAdapterKeys,
  parameters: sd1Parameters,
  ignored: [...ldmIgnored, /(^|\.)text_projection(\.weight)?$/],
  parts: sd1Parts,
};

function singleFile(config: Sd1Config): readonly SingleFilePart[] {
  const text = { component: textEncoderScope, prefix: 'cond_stage_model.transformer.', keys: clipKeys };
  return ldmSingleFile(config, [text]);
}

function sd1Parameters(config: Sd1Config): readonly DeclaredParameter[] {
  const scope = new Scope();
  declareLdm(config, scope);
  clipTextGraph(config.textEncoder, { scope: scope.child(textEncoderScope) });
  return scope.declared();
}

/** Every tensor of a single file in SD 1's original layout, for writing one. */
export function sd1SingleFile(config: Sd1Config): SingleFileTensor[] {
  return singleFileTensors(sd1Parameters(config), singleFile(config));
}
