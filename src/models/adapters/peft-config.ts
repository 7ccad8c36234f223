/**
 * What peft keeps of an adapter beside its tensors: the alphas, without which it would act at another strength.
 * diffusers writes them as JSON under `lora_adapter_metadata` of the file (`unet.lora_alpha`, `text_encoder.r`, ...),
 * peft itself as `adapter_config.json` beside `adapter_model.safetensors`. Source: diffusers src/diffusers/loaders/
 * lora_base.py, peft src/peft/tuners/lora/{config,layer}.py. Left out: which modules are meant, which the tensors tell.
 */

import type { ModelFiles, TensorFile } from '../tensor-file.ts';

/** By a module's stored name: its alpha at a rank, which counts as alpha / rank; undefined where nothing is told. */
export type PeftAlphas = (stored: string) => (rank: number) => number | undefined;

type Json = Readonly<Record<string, unknown>>;

export async function peftAlphas(files: ModelFiles, file: TensorFile): Promise<PeftAlphas> {
  const packed = objectOf(file.metadata.lora_adapter_metadata);
  const beside = packed ? undefined : await configBeside(files, file.path);
  return (stored) => {
    const component = /^(unet|text_encoder(?:_\d)?|transformer)\./.exec(stored)?.[1];
    const prefix = component === undefined ? '' : `${component}.`;
    const config = packed ? below(packed, prefix) : beside;
    return (rank) => config && alphaOf(config, stored.slice(packed ? prefix.length : 0), rank);
  };
}

async function configBeside(files: ModelFiles, path: string): Promise<Json | undefined> {
  const [, folder] = /^(.*[\\/])?adapter_model\.(?:safetensors|bin)$/.exec(path) ?? [];
  const config = `${folder}adapter_config.json`;
  return folder !== undefined && (await files.exists(config)) ? objectOf(await files.readText(config)) : undefined;
}

function below(config: Json, prefix: string): Json {
  const own = Object.entries(config).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
}

/** An entry of `alpha_pattern` is for the modules whose names end in its key. */
function alphaOf(config: Json, module: string, rank: number): number | undefined {
  const patterns = Object.entries(objectOf(config.alpha_pattern) ?? {});
  const own = patterns.find(([key]) => module === key || module.endsWith(`.${key}`))?.[1];
  const alpha = own ?? config.lora_alpha ?? config.alpha;
  if (typeof alpha !== 'number' || !Number.isFinite(alpha)) return undefined;
  // Rank-stabilised: alpha over the root of the rank.
  return config.use_rslora === true ? alpha * Math.sqrt(rank) : alpha;
}

/** An object, or the JSON text of one. */
function objectOf(value: unknown): Json | undefined {
  if (typeof value !== 'string') return typeof value === 'object' && value !== null ? (value as Json) : undefined;
  try {
    return objectOf(JSON.parse(value) ?? undefined);
  } catch {
    return undefined;
  }
}
