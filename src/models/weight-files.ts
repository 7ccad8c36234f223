/**
 * Under which names a component's folder holds its weights: what `save_pretrained` of diffusers and transformers
 * writes with and without `variant`, `safe_serialization` and `max_shard_size`, now and in earlier versions. Whatever
 * reads, lists or fetches such a folder asks here.
 */

/** One way to hold the weights: in one file, or in shards that an index lists. */
export interface WeightForm {
  readonly whole: string;
  /** The index has had several names; the present one is first. */
  readonly indexes: readonly string[];
  readonly shard: RegExp;
}

const formats = [
  { extension: 'safetensors', stems: ['diffusion_pytorch_model', 'model'] },
  { extension: 'bin', stems: ['diffusion_pytorch_model', 'pytorch_model'] },
] as const;

const numbers = '-\\d{5}-of-\\d{5}';

function formOf(stem: string, extension: string, variant: string | undefined): WeightForm {
  const file = `${stem}.${extension}`;
  if (variant === undefined) {
    return { whole: file, indexes: [`${file}.index.json`], shard: RegExp(`^${stem}${numbers}\\.${extension}$`) };
  }
  const whole = `${stem}.${variant}.${extension}`;
  return {
    whole,
    indexes: [`${file}.index.${variant}.json`, `${file}.${variant}.index.json`, `${whole}.index.json`],
    // diffusers 0.28 to 0.30 put the variant behind the numbers.
    shard: RegExp(`^${stem}(\\.${variant}${numbers}|${numbers}\\.${variant})\\.${extension}$`),
  };
}

const formsOf = (variant: string | undefined): WeightForm[] =>
  formats.flatMap(({ extension, stems }) => stems.map((stem) => formOf(stem, extension, variant)));

/**
 * In order of preference: safetensors before pickles, then full precision before less of it. Weights without their
 * moving average come last: they are for training on.
 */
export const weightForms: readonly WeightForm[] = [
  ...[undefined, 'fp32', 'fp16', 'bf16'].flatMap(formsOf).sort((a, b) => Number(isTorch(a)) - Number(isTorch(b))),
  ...formsOf('non_ema'),
];

function isTorch({ whole }: WeightForm): boolean {
  return whole.endsWith('.bin');
}

/** Of the names in a component's folder, the files that hold its weights in the best form that is there. */
export function chooseWeightFiles(names: readonly string[]): string[] {
  for (const { whole, indexes, shard } of weightForms) {
    if (names.includes(whole)) return [whole];
    const index = indexes.find((name) => names.includes(name));
    const shards = names.filter((name) => shard.test(name));
    if (index !== undefined && shards.length > 0) return [index, ...shards];
  }
  return [];
}
