/** The model that a control network acts on, and what is said of one that does not fit it. */

import type { WeightRef, WeightSource } from '#engine/backend';
import { CheckpointError } from '../checkpoint-error.ts';
import { ModelFileError } from '../model-error.ts';
import type { Resolution } from '../resolve.ts';
import type { TensorFile } from '../tensor-file.ts';
import type { UNetConfig } from '../unet/config.ts';

export interface ControlBase {
  readonly unet: UNetConfig;
  readonly weights: WeightSource;
  /** The family, for sentences. */
  readonly title: string;
}

/** `what`: with its article; `found`: how it differs. */
export function misfitError(path: string, what: string, found: string, base: ControlBase): ModelFileError {
  const model = `${base.title} (${unetSizes(base.unet)})`;
  const message = `this is ${what} for another model (${found}); the model is ${model}. Take one made for ${base.title}.`;
  return new ModelFileError('control-family', message, path);
}

export function unetSizes({ blockChannels, contextWidth, vectorWidth }: UNetConfig): string {
  const vector = vectorWidth === undefined ? '' : `, a vector of ${vectorWidth}`;
  return `levels of ${blockChannels.join(', ')} channels, a context of ${contextWidth}${vector}`;
}

/** @throws CheckpointError that lists every tensor that is missing or misshapen */
export function checkedResolution(
  { path }: TensorFile,
  { weights, problems }: Resolution,
): ReadonlyMap<string, WeightRef> {
  const fatal = problems.filter((problem) => problem.fatal);
  if (fatal.length > 0) throw new CheckpointError(path, fatal);
  return weights;
}
