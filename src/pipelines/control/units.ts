/**
 * The units of a request, opened for the model that draws: what each looks at, by what module, with which network.
 * What cannot act is refused here, before anything is drawn; what of a unit has no effect is told.
 */

import { InternalError, UserError } from '#core/errors';
import type { ControlModel } from '#models/control/open';
import type { Annotator, AnnotatorSlider } from '../annotators/annotator.ts';
import { annotators, findAnnotator } from '../annotators/index.ts';
import type { FoundControl, PipelineModel } from '../model.ts';
import type { GenerateRequest } from '../request.ts';
import type { ControlUnit } from './unit.ts';
import type { ToldUnit } from './unit-text.ts';

/** A module: one of ours, or a network that the user put into the models' folder. */
export type ControlModule = Annotator | FoundAnnotator;

export interface FoundAnnotator {
  readonly name: string;
  /** Absolute path of the ONNX file. */
  readonly path: string;
  /** What the JSON file beside it says. */
  readonly settings: unknown;
}

export interface OpenUnit {
  /** Place among the request's units. */
  readonly index: number;
  readonly unit: ControlUnit;
  readonly module: ControlModule;
  /** Absent for a reference. */
  readonly found?: FoundControl;
}

export interface JobControls {
  readonly units: readonly OpenUnit[];
  /** Of the units that act, as the infotext claims them. */
  readonly told: readonly ToldUnit[];
  /** What has no effect, one sentence each. */
  readonly warnings: readonly string[];
}

export const noControls: JobControls = { units: [], told: [], warnings: [] };

/** A user's annotator by its name. */
export type FindAnnotator = (name: string) => Promise<FoundAnnotator | undefined>;

/** How a unit is called in sentences. */
export const unitName = (index: number): string => `Control unit ${index}`;

/** Which pictures there are, wherever they lie. */
export interface GivenPictures {
  readonly init: boolean;
  /** Of the init picture. */
  readonly initMask: boolean;
  image(unit: number): boolean;
  mask(unit: number): boolean;
}

/** What can be checked without a model. @throws UserError `control.*` */
export function checkControls(controls: readonly ControlUnit[], given: GivenPictures): void {
  for (const [index, unit] of controls.entries()) {
    if (unit.weight === 0) continue;
    const module = findAnnotator(unit.module);
    const name = unitName(index);
    if (!given.image(index) && !given.init) {
      throw new UserError('control.picture', `${name} has no picture; give it one, or leave the unit out.`);
    }
    // With the init picture comes its mask.
    const hasMask = given.mask(index) || (!given.image(index) && given.initMask);
    if (module?.needsMask && !hasMask) {
      throw new UserError('control.mask', `${name}: ${module.name} needs a mask, white where the picture is painted.`);
    }
    if (unit.model === undefined && module?.reads !== 'reference') {
      const message = `${name} has no model; name a ControlNet, a T2I adapter or an IP adapter, or take the module reference_only.`;
      throw new UserError('control.model', message);
    }
  }
}

/** @throws UserError for a unit that cannot act on this model */
export async function openJobControls(
  { controls, controlPictures }: GenerateRequest,
  model: PipelineModel,
  find?: FindAnnotator,
): Promise<JobControls> {
  const units: OpenUnit[] = [];
  const told: ToldUnit[] = [];
  const warnings: string[] = [];
  for (const [index, unit] of controls.entries()) {
    if (unit.weight === 0) {
      warnings.push(`${unitName(index)} is left out: its weight is 0.`);
      continue;
    }
    const module = await findModule(unit.module, find);
    const opened: OpenUnit = { index, unit, module, found: await networkOf(index, unit, module, model) };
    units.push(opened);
    told.push(toldOf(opened));
    warnings.push(...idleParts(opened, controlPictures?.[index]?.mask !== undefined));
  }
  if (units.filter(isReference).length > 1) {
    throw new UserError('control.references', 'One unit alone can be a reference; leave the others out.');
  }
  return { units, told, warnings };
}

export function isReference({ module }: OpenUnit): boolean {
  return 'reads' in module && module.reads === 'reference';
}

/** Under which its network is loaded. */
export const besideName = ({ index }: OpenUnit): string => `control ${index}`;

/** The unit's network, which is known to be of this kind. */
export function networkAs<K extends ControlModel['kind']>({ found, index }: OpenUnit, kind: K) {
  const model = found?.model;
  if (model?.kind !== kind) throw new InternalError(`${unitName(index)} has no ${kind}`);
  return model as Extract<ControlModel, { kind: K }>;
}

/** One of ours, or else a user's. @throws UserError that lists those that there are */
export async function findModule(name: string, find?: FindAnnotator): Promise<ControlModule> {
  const own = findAnnotator(name) ?? (await find?.(name));
  if (own) return own;
  const known = annotators.map((each) => each.name).join(', ');
  const advice = `known are ${known}, and ONNX files in models/annotators by their names`;
  throw new UserError('control.module', `There is no module ${JSON.stringify(name)}; ${advice}.`);
}

async function networkOf(
  index: number,
  { model: name }: ControlUnit,
  module: ControlModule,
  model: PipelineModel,
): Promise<FoundControl | undefined> {
  const reads = 'reads' in module ? module.reads : 'picture';
  if (!model.parts.denoiser.unet) {
    throw new UserError(
      'control.network',
      `${unitName(index)}: ${model.reference.name} has no U-Net, on which control acts.`,
    );
  }
  if (reads === 'reference' || name === undefined) return undefined;
  const found = await model.openControl?.(name);
  if (!found) {
    const advice = 'put it into a folder of models (ControlNet, T2I-Adapter or ipadapter)';
    throw new UserError(
      'control.not-found',
      `${unitName(index)}: there is no control model ${JSON.stringify(name)}; ${advice}.`,
    );
  }
  if (reads === 'prompt' && found.model.kind !== 'ip-adapter') {
    const message = `${unitName(index)}: ${module.name} is for IP adapters; ${found.title} is a ${found.model.kind}.`;
    throw new UserError('control.module', message);
  }
  return found;
}

/** As it acts: the model's whole title, numbers that the module reads. */
function toldOf({ unit, module, found }: OpenUnit): ToldUnit {
  const { lowMemory: _lowMemory, ...rest } = unit;
  const own = 'reads' in module ? module : undefined;
  const number = (given: number | undefined, slider: AnnotatorSlider | undefined): number | undefined =>
    slider && (given !== undefined && given >= slider.min && given <= slider.max ? given : slider.value);
  return {
    ...rest,
    module: module.name,
    model: found?.title,
    resolution: unit.pixelPerfect || own?.usesResolution === false ? undefined : unit.resolution,
    thresholdA: number(unit.thresholdA, own?.a),
    thresholdB: number(unit.thresholdB, own?.b),
  };
}

/** What of a unit does nothing. */
function idleParts({ index, unit, module, found }: OpenUnit, hasMask: boolean): string[] {
  const name = unitName(index);
  const own = 'reads' in module ? module : undefined;
  const sentences: string[] = [];
  const idle = (what: string, why: string): void => void sentences.push(`${name}: ${what} has no effect; ${why}.`);
  if (unit.thresholdA !== undefined && !own?.a) idle('thresholdA', `${module.name} reads no such number`);
  if (unit.thresholdB !== undefined && !own?.b) idle('thresholdB', `${module.name} reads no such number`);
  if (own?.reads === 'reference' && unit.model !== undefined)
    idle(`the model ${unit.model}`, `${module.name} needs none`);
  if (found?.model.kind !== 'ip-adapter' && own?.reads !== 'reference') return sentences;
  if (hasMask) idle('its mask', 'what is read from a picture acts on all of the other');
  if (found?.model.kind !== 'ip-adapter') return sentences;
  if (unit.controlMode !== 'balanced') idle('controlMode', 'an IP adapter is balanced by its weight');
  if (own?.reads === 'picture' && own.name !== 'none')
    idle(`the module ${own.name}`, 'an IP adapter reads the picture itself');
  return sentences;
}
