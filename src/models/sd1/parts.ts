/** SD 1's parts as pipelines use them. */

import { clipTextGraph, textEncoderScope } from '../clip/network.ts';
import { clipTokenizer } from '../clip/tokenizer.ts';
import type { ModelParts, TextEncoderPart } from '../family.ts';
import { klF8Preview, klF8TinyNames, ldmParts } from '../ldm/parts.ts';
import type { Sd1Config } from './config.ts';

export function sd1Parts(config: Sd1Config): ModelParts {
  return ldmParts(config, {
    textEncoders: [textEncoder(config)],
    maxClipSkip: config.textEncoder.layers,
    previewFactors: klF8Preview(config.vae),
    tinyNames: klF8TinyNames,
  });
}

/** The last id of the vocabulary ends a text; it also pads. */
function textEncoder({ textEncoder: clip }: Sd1Config): TextEncoderPart {
  return {
    component: textEncoderScope,
    positions: clip.positions,
    width: clip.width,
    padId: clip.vocabSize - 1,
    tokenizer: clipTokenizer,
    graph: (options) => clipTextGraph(clip, options),
  };
}
