/**
 * What peft keeps of an adapter beside its tensors: the alphas, without which it would act at another strength, and how
 * rotations are made. diffusers writes them as JSON under `lora_adapter_metadata` of the file (`unet.lora_alpha`, `text_encoder.r`, ...),
 * peft itself as `adapter_config.json` beside `adapter_model.safetensors`. Source: diffusers src/diffusers/loaders/
 * lora_base.py, peft src/peft/tuners/{lora,oft}/{config,layer}.py. Left out: which modules are meant, which the tensors tell.
 */

import type { ModelFiles, TensorFile } from '../tensor-file.ts';
import type { PeftRotation } from './slots.ts';

export interface PeftSettings {
  /** At a rank; counts as alpha / rank. Undefined where nothing is told. */
  alpha(rank: number): number | undefined;
  readonly rotation: PeftRotation | undefined;
}

/** By a module's stored name. */
export type PeftSettingsOf = (stored: string) => PeftSettings;

type Json = Readonly<Record<string, unknown>>;

export async function peftSettings(files: ModelFiles, file: TensorFile): Promise<PeftSettingsOf> {
  const packed = objectOf(file.metadata.lora_adapter_metadata);
  const beside = packed ? undefined : await configBeside(files, file.path);
  return (stored) => {
    const component = /^(unet|text_encoder(?:_\d)?|transformer)\./.exec(stored)?.[1];
    const prefix = component === undefined ? '' : `${component}.`;
    const config = packed ? below(packed, prefix) : beside;
    return {
      alpha: (rank) => config && alphaOf(config, stored.slice(packed ? prefix.length : 0), rank),
      rotation: config && rotationOf(config),
    };
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

/** Before peft 0.16 there was no series, before 0.18 its last term was whole and no version told. */
function rotationOf(config: Json): PeftRotation {
  const terms = config.num_cayley_neumann_terms;
  const [major = 0, minor = 0] = String(config.peft_version ?? '')
    .split('.')
    .map(Number);
  return {
    terms: config.use_cayley_neumann === true ? (typeof terms === 'number' ? terms : 5) : undefined,
    wholeLastTerm: major === 0 && !(minor >= 18),
    limit: config.coft === true ? Number(config.eps ?? 6e-5) : undefined,
  };
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
