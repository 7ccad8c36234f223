/**
 * Composition root of the engine: chooses the backend, and how models are found and opened. Commands make their engine
 * here; engine processes of the studio load this module and call the same `createEngine`.
 */

import { performance } from 'node:perf_hooks';
import { createOrtNodeBackend, type OrtDevice } from '#backends/ort-node/cpu';
import { UserError } from '#core/errors';
import { createPictureEngine } from '#pipelines/engine';
import type { PictureEngine } from '#pipelines/request';
import type { EngineSettings } from '#studio/engine-host/protocol';
import { modelOpener } from '#studio/library/open-model';
import { modelRoots } from '#studio/library/roots';
import { upscalerOpener } from '#studio/library/upscalers';
import { version } from '#studio/version';

export const devices = ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'] as const satisfies readonly OrtDevice[];

/**
 * `options` may hold `threads` and `memoryBudget`, the bytes that faster forms of weights may take.
 * @throws UserError for a device of no such name
 */
export function createEngine({ device, modelRoots: roots, options }: EngineSettings): PictureEngine {
  const known = knownDevice(device);
  const threads = typeof options.threads === 'number' ? options.threads : undefined;
  // 0 unless asked for: at SD 1.5's size 1 GiB gains 8% of a step and costs 7 s of loading (bench/README.md).
  const memoryBudget = typeof options.memoryBudget === 'number' ? options.memoryBudget : 0;
  return createPictureEngine({
    backend: createOrtNodeBackend({ device: known, ...(threads !== undefined && { threads }) }),
    openModel: modelOpener(modelRoots(roots)),
    openUpscaler: upscalerOpener(modelRoots(roots)),
    now: () => performance.now(),
    version: `Darkroom ${version()}`,
    memoryBudget,
  });
}

/** @throws UserError `engine.device` */
export function knownDevice(device: string): OrtDevice {
  const known = devices.find((d) => d === device);
  if (!known) throw new UserError('engine.device', `There is no device ${device}; known: ${devices.join(', ')}.`);
  return known;
}
