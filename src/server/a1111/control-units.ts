/**
 * The units of sd-webui-controlnet in requests, as units of ours with their pictures. Every form that clients use:
 * objects (with its older names of fields), and the one flat list that clients before version 1.1 send.
 *
 * Source: Mikubill/sd-webui-controlnet v1.1.455 (internal_controlnet/args.py, scripts/external_code.py) and v1.0
 * (order of the flat list). What of a unit has no counterpart is told.
 */

import type { z } from 'zod';
import { FieldError } from '#api/check';
import type { AnnotatorSlider } from '#pipelines/annotators/annotator';
import { findAnnotator } from '#pipelines/annotators/index';
import { controlUnitSchema, maxControls } from '#pipelines/control/unit';
import { keyOfTitle, modeTitles, resizeModeOf } from '#pipelines/control/unit-text';
import { bool } from './pydantic.ts';

export interface TranslatedUnit {
  readonly unit: z.input<typeof controlUnitSchema>;
  /** As requests have pictures: base64 and so on. */
  readonly image: string | undefined;
  readonly mask: string | undefined;
  /** Whether its hint is to stand among the answer's pictures. */
  readonly showsHint: boolean;
}

export interface TranslatedUnits {
  readonly units: readonly TranslatedUnit[];
  /** What has no effect, one sentence each. */
  readonly warnings: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Names that fields had once, or have besides. */
const olderNames: Readonly<Record<string, string>> = {
  guidance: 'guidance_end',
  lowvram: 'low_vram',
  input_image: 'image',
  mask_image: 'mask',
};

/** Fields that say nothing here, by the values at which they ask for nothing. */
const withoutEffect: Readonly<Record<string, readonly unknown[]>> = {
  hr_option: ['Both', 'HiResFixOption.BOTH', 0],
  inpaint_crop_input_image: [true],
  advanced_weighting: [],
  ipadapter_input: [],
  pulid_mode: ['Fidelity'],
  union_control_type: ['Unknown'],
  guess_mode: [false],
  invert_image: [false],
  scribble_mode: [false],
  rgbbgr_mode: [false],
};

/** `args`: of the always-on script. @throws FieldError for values that are none of a field's */
export function unitsOfArguments(args: readonly unknown[]): TranslatedUnits {
  const warnings: string[] = [];
  const given = unitFields(args).filter(asks);
  if (given.length > maxControls) {
    throw new FieldError('alwayson_scripts', `controlnet: at most ${maxControls} units can act, got ${given.length}.`);
  }
  const units = given.map((fields, i) => unitOf(renamed(fields), `ControlNet unit ${i}`, warnings));
  return { units, warnings };
}

/** Order of the flat list after its flags. */
const flatOrder = [
  'module',
  'model',
  'weight',
  'image',
  'invert_image',
  'resize_mode',
  'rgbbgr_mode',
  'low_vram',
  'processor_res',
  'threshold_a',
  'threshold_b',
  'guidance_start',
  'guidance_end',
  'guess_mode',
] as const;

function unitFields(args: readonly unknown[]): Fields[] {
  const objects = args.filter((each) => typeof each === 'object' && each !== null && !Array.isArray(each)) as Fields[];
  if (objects.length > 0) return objects;
  // Led by whether it is img2img, and whether the page asks; then whether the unit is on.
  const end = args.findIndex((each) => typeof each !== 'boolean');
  if (end < 1) return [];
  const units: Fields[] = [];
  for (let start = end - 1; start < args.length - 1; start += flatOrder.length + 1) {
    const values = flatOrder.map((name, i) => [name, args[start + 1 + i]] as const);
    units.push({ enabled: args[start], ...Object.fromEntries(values) });
  }
  return units;
}

/** Units are on unless they say otherwise, or name nothing. */
function asks({ enabled, ...unit }: Fields): boolean {
  if (enabled !== undefined && enabled !== null) return isOn(enabled);
  return Object.values(unit).some((value) => value !== null && value !== '' && value !== 'None' && value !== 'none');
}

function isOn(value: unknown): boolean {
  return bool.safeParse(value).data === true;
}

function renamed(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [olderNames[name] ?? name, value]));
}

function unitOf(fields: Fields, name: string, warnings: string[]): TranslatedUnit {
  const module = findAnnotator(String(fields.module ?? 'none') || 'none');
  const { image, mask } = picturesOf(fields, name, warnings);
  const region = textOf(fields.effective_region_mask);
  const threshold = (field: string, slider: AnnotatorSlider | undefined) =>
    slider || !module ? natural(numberOf(fields, field, name)) : undefined;
  for (const [field, silent] of Object.entries(withoutEffect)) {
    const value = fields[field];
    if (value !== undefined && value !== null && !silent.includes(value))
      warnings.push(`${name}: ${field} has no effect here.`);
  }
  if (region !== undefined && mask !== undefined)
    warnings.push(`${name}: effective_region_mask has no effect beside mask.`);
  const unit = {
    module: module?.name ?? String(fields.module),
    model: modelOf(fields.model),
    weight: numberOf(fields, 'weight', name),
    start: numberOf(fields, 'guidance_start', name),
    end: numberOf(fields, 'guidance_end', name),
    controlMode: chosen(fields.control_mode, Object.keys(modeTitles), (title) => keyOfTitle(modeTitles, title), name),
    resizeMode: chosen(fields.resize_mode, ['stretch', 'crop', 'fill', 'stretch'], resizeModeOf, name),
    pixelPerfect: isOn(fields.pixel_perfect),
    resolution: resolutionOf(numberOf(fields, 'processor_res', name)),
    thresholdA: threshold('threshold_a', module?.a),
    thresholdB: threshold('threshold_b', module?.b),
    lowMemory: isOn(fields.low_vram),
  };
  const given = Object.fromEntries(Object.entries(unit).filter(([, value]) => value !== undefined));
  return {
    unit: held(given, name),
    image,
    mask: mask ?? region,
    showsHint: fields.save_detected_map === undefined || isOn(fields.save_detected_map),
  };
}

function held(given: Fields, name: string): z.input<typeof controlUnitSchema> {
  const read = controlUnitSchema.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new FieldError('alwayson_scripts', `${name}: ${issue!.path.join('.')}: ${issue!.message}.`);
}

/** A text, `{ image, mask }`, `[image, mask]`, or a list of such. */
function picturesOf({ image, mask }: Fields, name: string, warnings: string[]): { image?: string; mask?: string } {
  const own = textOf(mask);
  if (Array.isArray(image) && image.some((each) => typeof each === 'object' && each !== null)) {
    if (image.length > 1) warnings.push(`${name}: the first of its ${image.length} pictures was taken.`);
    return picturesOf({ image: image[0], mask }, name, warnings);
  }
  if (Array.isArray(image)) return { image: textOf(image[0]), mask: textOf(image[1]) ?? own };
  if (typeof image === 'object' && image !== null) {
    const parts = image as Fields;
    return { image: textOf(parts.image), mask: textOf(parts.mask) ?? own };
  }
  return { image: textOf(image), mask: own };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function modelOf(value: unknown): string | undefined {
  const name = textOf(value);
  return name === undefined || /^none$/i.test(name) ? undefined : name;
}

function numberOf(fields: Fields, field: string, name: string): number | undefined {
  const value = fields[field];
  if (value === undefined || value === null || value === '') return undefined;
  const number = Number(value);
  if (Number.isFinite(number)) return number;
  throw new FieldError('alwayson_scripts', `${name}: ${field} must be a number, got ${JSON.stringify(value)}.`);
}

/** -1 stands for the module's own. */
function natural(value: number | undefined): number | undefined {
  return value === undefined || value < 0 ? undefined : value;
}

function resolutionOf(value: number | undefined): number | undefined {
  if (value === undefined || value < 64) return undefined;
  return Math.min(Math.round(value), 4096);
}

/** By title, or by number in the order of the titles. */
function chosen(
  value: unknown,
  order: readonly string[],
  byTitle: (title: string) => string | undefined,
  name: string,
): string | undefined {
  if (value === undefined || value === null) return undefined;
  const found = typeof value === 'number' ? order[value] : byTitle(String(value).replace(/^.*\.(?=[A-Z_]+$)/, ''));
  if (found !== undefined) return found;
  throw new FieldError('alwayson_scripts', `${name}: ${JSON.stringify(value)} is none of its choices.`);
}
