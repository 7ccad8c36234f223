/** Upscaler files of the library, found by what requests call them. */

import { UserError } from '#core/errors';
import { openUpscaler } from '#models/upscalers/index';
import type { OpenUpscaler } from '#pipelines/upscale/upscalers';
import { nodeModelFiles } from '../files/model-files.ts';
import { findCalled, nearestNames } from './find.ts';
import { realEsrganFiles } from './real-esrgan-names.ts';
import { ownScales, ownUpscalerName } from './roots.ts';
import { scanModels } from './scan.ts';

/** The one that comes with Darkroom for a factor: the next larger, since too large a picture is made smaller. */
export function ownUpscaler(by: number): string {
  if (by <= 1) return 'Lanczos';
  return ownUpscalerName(ownScales.find((scale) => scale >= by) ?? ownScales.at(-1)!);
}

/** @throws UserError `upscaler.unknown` naming the nearest */
export function upscalerOpener(roots: readonly string[]): OpenUpscaler {
  return async (name) => {
    const found = (await scanModels(roots)).filter(({ kind }) => kind === 'upscaler' || kind === undefined);
    const model = findCalled(found, realEsrganFiles[name.toLowerCase()] ?? name);
    if (model) return await openUpscaler(nodeModelFiles, model.path);
    const known = found.filter(({ kind }) => kind === 'upscaler');
    const nearest = nearestNames(known, name).map((each) => JSON.stringify(each));
    const advice = nearest.length > 0 ? ` Did you mean ${nearest.join(' or ')}?` : '';
    throw new UserError('upscaler.unknown', `There is no upscaler ${JSON.stringify(name.slice(0, 100))}.${advice}`);
  };
}
