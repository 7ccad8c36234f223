/** Fields of the `write` rows of numeric/infotext.json as the writer takes them. */

import type { ParsedInfotext } from '#prompt/infotext';
import { pythonFloat } from '#prompt/infotext-values';
import type { InfotextFields, InfotextNumber } from '#prompt/infotext-writer';

type GoldenValue = string | number | boolean | null;

export interface WriteGolden {
  readonly fields: Readonly<Record<string, GoldenValue>> & {
    readonly extra: Readonly<Record<string, GoldenValue | string[]>>;
  };
  readonly float_text: Readonly<Record<string, string>>;
  readonly text: string;
  readonly reparsed: ParsedInfotext;
}

/** The names that the web UI's processing object has for the fields, and the defaults of its settings. */
export function fieldsOf({ fields: golden, float_text: floats }: WriteGolden): InfotextFields {
  const text = (key: string): string | undefined => (golden[key] as string | null | undefined) ?? undefined;
  const number = (key: string): InfotextNumber | undefined =>
    floats[key] === undefined ? ((golden[key] as number | undefined) ?? undefined) : pythonFloat(golden[key] as number);
  const resize = { width: golden.seed_resize_from_w as number, height: golden.seed_resize_from_h as number };
  const extra = Object.entries(golden.extra).map(([key, value]) => [
    key,
    floats[`extra.${key}`] === undefined ? value : pythonFloat(value as number),
  ]);
  return {
    prompt: text('prompt')!,
    negativePrompt: text('negative_prompt')!,
    steps: number('steps')!,
    sampler: text('sampler_name')!,
    scheduler: text('scheduler'),
    cfgScale: number('cfg_scale')!,
    imageCfgScale: number('image_cfg_scale'),
    seed: number('seed')!,
    faceRestoration: golden.restore_faces === true ? 'CodeFormer' : undefined,
    width: golden.width as number,
    height: golden.height as number,
    modelHash: text('model_hash'),
    model: text('model_name'),
    vaeHash: text('vae_hash'),
    vae: text('vae_name'),
    variationSeed: number('subseed'),
    variationSeedStrength: number('subseed_strength'),
    seedResizeFrom: resize.width > 0 && resize.height > 0 ? resize : undefined,
    conditionalMaskWeight: golden.inpainting === true ? '1.0' : undefined,
    clipSkip: golden.clip_skip as number | undefined,
    ensd: golden.ensd as number | undefined,
    tokenMergingRatio: number('token_merging_ratio'),
    tokenMergingRatioHires: golden.enable_hr === true ? number('token_merging_ratio_hr') : undefined,
    initImageHash: text('init_img_hash'),
    rng: text('rng'),
    tiling: golden.tiling === true,
    extra: Object.fromEntries(extra),
    version: 'v1.10.1',
    user: text('user'),
  };
}
