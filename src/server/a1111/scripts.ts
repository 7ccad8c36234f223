/** Scripts that requests name; those that upstream always has may be sent switched off. */

import { FieldError } from '#api/check';
import { outpaintSetting, outpaintSides } from '#pipelines/settings/outpaint';
import { MissingFeatureError } from '../http/errors.ts';
import { bool } from './pydantic.ts';
import type { CommonFields } from './schemas.ts';
import { type ScriptArgument, seriesScripts, type Tab } from './series-scripts.ts';

/** Selectable scripts that upstream ships and that are not here, lower case. */
const selectable: readonly string[] = ['img2img alternative test'];

/** A script that stands for settings of a request. */
interface SettingScript {
  readonly title: string;
  readonly tabs: readonly ('txt2img' | 'img2img')[];
  /** `upscalers`: names as their list has them. */
  settings(args: readonly unknown[], upscalers: readonly string[]): Readonly<Record<string, unknown>>;
}

/** Selectable scripts that run here as settings, by their titles in lower case. */
const settingScripts: Readonly<Record<string, SettingScript>> = {
  'outpainting mk2': {
    title: 'Outpainting mk2',
    tabs: ['img2img'],
    settings: ([, pixels = 128, blur = 8, sides, falloff = 1, variation = 0.05]) => ({
      ...grownSides(pixels, sides),
      outpaintFill: 'matched noise',
      outpaintFalloff: falloff,
      outpaintColorVariation: variation,
      maskBlur: blur,
    }),
  },
  'sd upscale': {
    title: 'SD upscale',
    tabs: ['img2img'],
    settings: ([, overlap = 64, upscaler = 0, by = 2], upscalers) => ({
      sdUpscale: by === 0 ? 1 : by,
      sdUpscaleOverlap: overlap,
      sdUpscaleUpscaler: typeof upscaler === 'number' ? upscalers[upscaler] : upscaler,
      // Of its tiles there.
      batchSize: 1,
    }),
  },
  "poor man's outpainting": {
    title: "Poor man's outpainting",
    tabs: ['img2img'],
    settings: ([pixels = 128, blur = 4, fill = 'fill', sides]) => ({
      ...grownSides(pixels, sides),
      outpaintFill: 'masked content',
      maskedContent: contentOf(fill),
      maskBlur: blur,
    }),
  },
};

function grownSides(pixels: unknown, sides: unknown): Record<string, unknown> {
  const grown = Array.isArray(sides) ? outpaintSides.filter((side) => sides.includes(side)) : outpaintSides;
  return {
    ...Object.fromEntries(grown.map((side) => [outpaintSetting(side), pixels])),
    // The canvas is its own size.
    width: undefined,
    height: undefined,
    inpaintArea: 'Whole picture',
  };
}

const contents = ['fill', 'original', 'latent noise', 'latent nothing'] as const;
const ourContents = ['fill', 'original', 'noise', 'nothing'] as const;

/** By its number or by its word. */
function contentOf(fill: unknown): (typeof ourContents)[number] {
  const at = typeof fill === 'number' ? fill : contents.findIndex((word) => word === fill);
  return ourContents[at] ?? 'fill';
}

/** Selectable and always-on scripts, as `/scripts` lists them. */
export function scriptNames(tab: Tab): string[] {
  const selected = [...Object.values(settingScripts), ...seriesScripts].filter(({ tabs }) => tabs.includes(tab));
  return [...selected.map(({ title }) => title.toLowerCase()), ...Object.keys(alwaysOn)];
}

interface ScriptInfo {
  readonly name: string;
  readonly is_alwayson: boolean;
  readonly is_img2img: boolean;
  readonly args: readonly ScriptArgument[];
}

/** As `/script-info` tells of scripts; of those whose arguments stand for settings the settings tell. */
export function scriptInfos(): ScriptInfo[] {
  return (['txt2img', 'img2img'] as const).flatMap((tab) => {
    const facts = { is_img2img: tab === 'img2img' };
    const selected = seriesScripts.filter(({ tabs }) => tabs.includes(tab));
    return [
      ...selected.map(({ title, args }) => ({
        name: title.toLowerCase(),
        is_alwayson: false,
        ...facts,
        args: args(tab),
      })),
      ...Object.values(settingScripts).flatMap(({ title, tabs }) =>
        tabs.includes(tab) ? [{ name: title.toLowerCase(), is_alwayson: false, ...facts, args: [] }] : [],
      ),
      ...Object.keys(alwaysOn).map((name) => ({ name, is_alwayson: true, ...facts, args: [] })),
    ];
  });
}

interface AlwaysOn {
  /** What it is, where it cannot be had. */
  readonly part?: string;
  /** Why not, where that is not that the part is not there. */
  readonly why?: string;
  /** Whether its arguments ask for anything that cannot be had. */
  asks?(args: readonly unknown[]): boolean;
  /** Fields of the request that its arguments stand for. */
  fields?(args: readonly unknown[]): Readonly<Record<string, unknown>>;
  /** Settings of ours that they stand for. */
  settings?(args: readonly unknown[]): Readonly<Record<string, unknown>>;
}

const ownFreeU =
  'is its second version or one with stages; the first one acts here by the settings freeUB1, freeUB2, freeUS1 and freeUS2, also in an infotext (FreeU b1).';

/** Without what was left out. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

/** The variation acts where it is switched on and has a strength, the size where it has both sides. */
function seedFields([seed, on, subseed, strength, width, height]: readonly unknown[]): Record<string, unknown> {
  const varies = isOn(on) && Number(strength) > 0;
  const resizes = isOn(on) && Number(width) > 0 && Number(height) > 0;
  return {
    ...given({ seed }),
    ...(varies ? given({ subseed, subseed_strength: strength }) : {}),
    ...(resizes ? { seed_resize_from_w: width, seed_resize_from_h: height } : {}),
  };
}

function hyperTile([on, tile = 256]: readonly unknown[]): Record<string, unknown> {
  return isOn(on) ? { hyperTile: tile } : {};
}

/** Always-on scripts, lower case. */
const alwaysOn: Readonly<Record<string, AlwaysOn>> = {
  controlnet: {},
  refiner: {
    fields: ([on, checkpoint, at]) => (isOn(on) ? { refiner_checkpoint: checkpoint, refiner_switch_at: at } : {}),
  },
  seed: { fields: seedFields },
  sampler: { fields: ([steps, sampler_name, scheduler]) => given({ steps, sampler_name, scheduler }) },
  comments: {},
  hypertile: { settings: hyperTile },
  'hypertile integrated': { settings: hyperTile },
  'soft inpainting': { settings: softInpainting },
  'extra options': {},
  adetailer: { part: 'ADetailer', asks: (args) => isOn(args[0]) || args.some(isNamedDetailer) },
  'dynamic prompts v2.17.1': {
    part: 'Combinations and magic prompts of Dynamic prompts',
    why: 'are not part of this version of Darkroom yet; words in {a|b} and __lists__ are drawn without the script.',
    asks: ([on, combines, , magic]) => isOn(on) && (isOn(combines) || isOn(magic)),
  },
  'tiled diffusion': { part: 'Tiled diffusion', asks: (args) => isOn(args[0]) },
  // The engine takes tiles by itself where memory is short.
  'tiled vae': {},
  'regional prompter': { part: 'Regional prompts', asks: (args) => isOn(args[0]) },
  freeu: { part: 'FreeU by this script', why: ownFreeU, asks: (args) => isOn(args[0]) },
  'freeu integrated': { part: 'FreeU by this script', why: ownFreeU, asks: (args) => isOn(args[0]) },
  reactor: { part: 'ReActor', asks: (args) => isOn(args[1]) },
};

/** `true`, and what pydantic reads as it; numbers are arguments of other kinds. */
function isOn(value: unknown): boolean {
  return (typeof value === 'boolean' || typeof value === 'string') && bool.safeParse(value).data === true;
}

/** In the order of the script's arguments, by their labels. */
const softLabels = [
  ['Soft inpainting', 'softInpainting'],
  ['Schedule bias', 'maskBlendPower'],
  ['Preservation strength', 'maskBlendScale'],
  ['Transition contrast boost', 'inpaintDetailPreservation'],
  ['Mask influence', 'compositeMaskInfluence'],
  ['Difference threshold', 'compositeDifferenceThreshold'],
  ['Difference contrast', 'compositeDifferenceContrast'],
] as const;

/** A list of values, or one map of them by their labels; nothing while it is off. */
function softInpainting(args: readonly unknown[]): Readonly<Record<string, unknown>> {
  const [map] = args;
  const isMap = typeof map === 'object' && map !== null;
  const given = softLabels.map(([label, name], i): [string, unknown] => [
    name,
    isMap ? (map as Readonly<Record<string, unknown>>)[label] : args[i],
  ]);
  return isOn(given[0]![1]) ? Object.fromEntries([...given.slice(1), ['softInpainting', true]]) : {};
}

function isNamedDetailer(args: unknown): boolean {
  if (typeof args !== 'object' || args === null || !('ad_model' in args)) return false;
  return args.ad_model !== 'None' && args.ad_model !== '';
}

/** @throws FieldError (422) for unknown names, MissingFeatureError (501) for known ones that ask for something */
export function checkScripts(fields: CommonFields, tab: 'txt2img' | 'img2img'): void {
  const script = fields.script_name?.toLowerCase();
  if (script && script !== 'none') {
    if (settingScripts[script]?.tabs.includes(tab)) return;
    if (seriesScripts.some(({ title, tabs }) => title.toLowerCase() === script && tabs.includes(tab))) return;
    if (selectable.includes(script)) throw new MissingFeatureError(`The script ${fields.script_name}`);
    throw new FieldError('script_name', `Script '${fields.script_name}' not found in ${tab}.`, 'script.not-found');
  }
  for (const [name, script] of Object.entries(fields.alwayson_scripts ?? {})) {
    const known = Object.hasOwn(alwaysOn, name.toLowerCase()) ? alwaysOn[name.toLowerCase()] : undefined;
    if (!known) {
      throw new FieldError('alwayson_scripts', `always on script ${name} not found`, 'script.not-found');
    }
    if (known.asks?.(argumentsOf(script))) throw new MissingFeatureError(known.part ?? name, known.why);
  }
}

/** What the arguments of always-on scripts ask for in fields of the request. */
export function fieldsOfScripts({ alwayson_scripts: scripts }: CommonFields): Readonly<Record<string, unknown>> {
  const given = Object.entries(scripts ?? {}).map(([name, script]) => {
    const row = Object.hasOwn(alwaysOn, name.toLowerCase()) ? alwaysOn[name.toLowerCase()] : undefined;
    return row?.fields?.(argumentsOf(script)) ?? {};
  });
  return Object.assign({}, ...given) as Record<string, unknown>;
}

/** What the selected script and always-on ones ask for in settings of ours. */
export function settingsOfScripts(
  { script_name: name, script_args: args, alwayson_scripts: scripts }: CommonFields,
  upscalers: readonly string[],
): Readonly<Record<string, unknown>> {
  const selected = settingScripts[name?.toLowerCase() ?? '']?.settings(args ?? [], upscalers) ?? {};
  const always = Object.entries(scripts ?? {}).map(([each, script]) => {
    const row = Object.hasOwn(alwaysOn, each.toLowerCase()) ? alwaysOn[each.toLowerCase()] : undefined;
    return row?.settings?.(argumentsOf(script)) ?? {};
  });
  return Object.assign({}, ...always, selected) as Record<string, unknown>;
}

/** Arguments of an always-on script; none where it is not named. */
export function scriptArguments({ alwayson_scripts: scripts }: CommonFields, wanted: string): readonly unknown[] {
  const found = Object.entries(scripts ?? {}).find(([name]) => name.toLowerCase() === wanted);
  return found ? argumentsOf(found[1]) : [];
}

/** Those under `args`, a list or a map of them; null is none. */
function argumentsOf(script: unknown): readonly unknown[] {
  const args = typeof script === 'object' && script !== null && 'args' in script ? script.args : undefined;
  if (args === null || args === undefined) return [];
  return Array.isArray(args) ? (args as unknown[]) : typeof args === 'object' ? Object.values(args) : [args];
}
