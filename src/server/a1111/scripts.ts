/** Scripts that requests name. None runs here yet; those that upstream always has may be sent switched off. */

import { FieldError } from '../http/check.ts';
import { MissingFeatureError } from '../http/errors.ts';
import type { CommonFields } from './schemas.ts';

/** Selectable scripts that upstream ships, lower case. */
const selectable: readonly string[] = [
  'x/y/z plot',
  'prompt matrix',
  'prompts from file or textbox',
  'loopback',
  'outpainting mk2',
  "poor man's outpainting",
  'sd upscale',
  'img2img alternative test',
];

/** Always-on scripts: whether their arguments ask for anything. */
const alwaysOn: Readonly<Record<string, { readonly part: string; asks(args: readonly unknown[]): boolean }>> = {
  controlnet: { part: 'ControlNet', asks: (units) => units.some(isEnabled) },
  refiner: { part: 'The refiner', asks: (args) => args[0] === true },
  seed: { part: 'Extra seed options', asks: (args) => args[1] === true },
  sampler: { part: 'Sampler options of a script', asks: () => false },
  'soft inpainting': { part: 'Soft inpainting', asks: (args) => args[0] === true || isEnabled(args[0]) },
  'extra options': { part: 'Extra options', asks: () => false },
  adetailer: { part: 'ADetailer', asks: (args) => args[0] === true || args.some(isNamedDetailer) },
  'dynamic prompts v2.17.1': { part: 'Dynamic prompts', asks: (args) => args[0] === true },
};

function isEnabled(unit: unknown): boolean {
  if (typeof unit !== 'object' || unit === null) return false;
  const { enabled, ...rest } = unit as { enabled?: unknown };
  // A unit without the flag but with a model is one of older clients, for whom it is on.
  return enabled === true || (enabled === undefined && 'model' in rest);
}

function isNamedDetailer(args: unknown): boolean {
  return typeof args === 'object' && args !== null && 'ad_model' in args && args.ad_model !== 'None';
}

/** @throws FieldError (422) for unknown names, MissingFeatureError (501) for known ones that ask for something */
export function checkScripts(fields: CommonFields, tab: 'txt2img' | 'img2img'): void {
  const script = fields.script_name?.toLowerCase();
  if (script && script !== 'none') {
    if (selectable.includes(script)) throw new MissingFeatureError(`The script ${fields.script_name}`);
    throw new FieldError('script_name', `Script '${fields.script_name}' not found in ${tab}.`, 'script.not-found');
  }
  for (const [name, { args }] of Object.entries(fields.alwayson_scripts ?? {})) {
    const known = Object.hasOwn(alwaysOn, name.toLowerCase()) ? alwaysOn[name.toLowerCase()] : undefined;
    if (!known) {
      throw new FieldError('alwayson_scripts', `always on script ${name} not found`, 'script.not-found');
    }
    const list = Array.isArray(args) ? (args as unknown[]) : args === undefined ? [] : Object.values(args as object);
    if (known.asks(list)) throw new MissingFeatureError(known.part);
  }
}
