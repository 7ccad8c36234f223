/** Named drafts, kept in this browser; those of Fooocus are read too. */

import type { Draft } from './draft.ts';

const key = 'darkroom.presets';

export type Presets = Readonly<Record<string, Draft>>;

export function storedPresets(): Presets {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? '{}');
    return typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? (kept as Presets) : {};
  } catch {
    return {};
  }
}

/** @returns whether there was room */
export function keepPresets(presets: Presets): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(presets));
    return true;
  } catch {
    return false;
  }
}

/** Fooocus's names of what a preset sets, and ours. */
const fooocus: Readonly<Record<string, string>> = {
  default_prompt: 'prompt',
  default_prompt_negative: 'negativePrompt',
  default_cfg_scale: 'cfgScale',
  default_sampler: 'sampler',
  default_scheduler: 'scheduler',
  default_overwrite_step: 'steps',
  default_image_number: 'batchCount',
  default_refiner: 'refiner',
  default_refiner_switch: 'refinerSwitchAt',
  default_vae: 'vae',
  default_clip_skip: 'clipSkip',
};

/** How Fooocus leaves something to the model. */
const nothing: readonly unknown[] = ['', null, 'None', 'Default (model)'];

export interface ReadPreset {
  readonly draft: Record<string, unknown>;
  /** Names of what it also sets, for which there is no place here. */
  readonly leftOut: readonly string[];
}

/**
 * A preset of Fooocus, or a draft saved here.
 *
 * @param names - of samplers and schedulers by what k-diffusion calls them
 * @returns undefined when it is neither
 */
export function readPreset(text: string, names: ReadonlyMap<string, string>): ReadPreset | undefined {
  const given = parsed(text);
  if (!given) return undefined;
  const entries = Object.entries(given);
  if (!entries.some(([name]) => name.startsWith('default_'))) return { draft: given, leftOut: [] };
  const draft: Record<string, unknown> = {};
  const leftOut: string[] = [];
  for (const [name, value] of entries) {
    if (value === -1 || nothing.includes(value)) continue;
    const ours = fooocus[name];
    if (ours !== undefined)
      draft[ours] = typeof value === 'string' ? (names.get(value.replace(/_gpu$/, '')) ?? value) : value;
    else if (name === 'default_model') draft['model'] = String(value).replace(/\.(safetensors|ckpt)$/, '');
    else if (name === 'default_aspect_ratio') Object.assign(draft, sizeOf(String(value)));
    else leftOut.push(name);
  }
  return { draft, leftOut };
}

function sizeOf(text: string): Record<string, number> {
  const [, width, height] = /^(\d+)\s*[*×x]\s*(\d+)/.exec(text) ?? [];
  return width === undefined ? {} : { width: Number(width), height: Number(height) };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
