/**
 * Names of a CLIP text encoder in files that keep transformers' names: below `cond_stage_model.transformer.` in an SD1
 * single file, without prefix in a diffusers folder. Early leaked models and transformers >= 5.6 leave `text_model.`
 * out.
 */

import type { KeyMap } from '../keys.ts';

export const clipKeys: KeyMap = (parameter) => [{ name: parameter }, { name: parameter.replace(/^text_model\./, '') }];
