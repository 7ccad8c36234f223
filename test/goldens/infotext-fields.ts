/** Fields of the `write` rows of numeric/infotext.json as the writer takes them, by way of the table of settings. */

import { infotextEntries } from '#pipelines/settings/index';
import type { ParsedInfotext } from '#prompt/infotext';
import { pythonFloat } from '#prompt/infotext-values';
import type { InfotextEntry, InfotextParts } from '#prompt/infotext-writer';

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
export function partsOf({ fields: golden, float_text: floats }: WriteGolden): InfotextParts {
  const text = (key: string): string | undefined => (golden[key] as string | null | undefined) ?? undefined;
  const number = (key: string): number | string | undefined =>
    floats[key] === undefined ? ((golden[key] as number | undefined) ?? undefined) : pythonFloat(golden[key] as number);
  const settings = infotextEntries({
    sampler: { name: text('sampler_name')!, space: 'sigma', reads: [], usesSeedDelta: true },
    scheduler: golden.scheduler ? { name: text('scheduler')!, reads: [] } : undefined,
    size: { width: golden.width as number, height: golden.height as number },
    seed: number('seed')!,
    variationSeed: number('subseed'),
    request: {
      steps: number('steps'),
      cfgScale: number('cfg_scale'),
      subseedStrength: number('subseed_strength'),
      seedResizeFromWidth: golden.seed_resize_from_w,
      seedResizeFromHeight: golden.seed_resize_from_h,
      clipSkip: golden.clip_skip ?? 1,
      etaNoiseSeedDelta: golden.ensd ?? undefined,
    },
  });
  const { rng } = golden;
  const rest: InfotextEntry[] = [
    ['Image CFG scale', number('image_cfg_scale')],
    ['Face restoration', golden.restore_faces === true ? 'CodeFormer' : undefined],
    ['Model hash', text('model_hash')],
    ['Model', text('model_name')],
    ['VAE hash', text('vae_hash')],
    ['VAE', text('vae_name')],
    ['Conditional mask weight', golden.inpainting === true ? '1.0' : undefined],
    ['Token merging ratio', unlessZero(number('token_merging_ratio'))],
    ['Token merging ratio hr', golden.enable_hr === true ? unlessZero(number('token_merging_ratio_hr')) : undefined],
    ['Init image hash', text('init_img_hash')],
    ['RNG', rng === 'GPU' ? undefined : rng],
    ['Tiling', golden.tiling === true ? true : undefined],
  ];
  const extra = Object.entries(golden.extra).map(
    ([key, value]): InfotextEntry => [key, floats[`extra.${key}`] === undefined ? value : pythonFloat(value as number)],
  );
  return {
    prompt: text('prompt')!,
    negativePrompt: text('negative_prompt')!,
    entries: [...settings.filter(([key]) => key !== 'RNG'), ...rest, ...extra],
    version: 'v1.10.1',
    user: text('user'),
  };
}

function unlessZero(value: number | string | undefined): number | string | undefined {
  return Number(value ?? 0) === 0 ? undefined : value;
}
