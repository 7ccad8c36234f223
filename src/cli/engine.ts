/**
 * The engine on this machine, in this process. Also the module that engine processes of the studio load: its
 * `createEngine` makes the same engine from plain settings.
 */

import { performance } from 'node:perf_hooks';
import { createOrtNodeBackend, type OrtDevice } from '#backends/ort-node/cpu';
import { UserError } from '#core/errors';
import { createPictureEngine } from '#pipelines/engine';
import type { PictureEngine } from '#pipelines/request';
import type { EngineSettings } from '#studio/engine-host/protocol';
import { modelOpener, modelRoots } from './models.ts';
import { version } from './version.ts';

export const devices = ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'] as const satisfies readonly OrtDevice[];

export function createEngine({ device, modelRoots: roots, options }: EngineSettings): PictureEngine {
  const known = devices.find((d) => d === device);
  if (!known) throw new UserError('engine.device', `There is no device ${device}; known: ${devices.join(', ')}.`);
  const threads = typeof options.threads === 'number' ? options.threads : undefined;
  return createPictureEngine({
    backend: createOrtNodeBackend({ device: known, ...(threads !== undefined && { threads }) }),
    openModel: modelOpener(modelRoots(roots)),
    now: () => performance.now(),
    version: `Darkroom ${version()}`,
  });
}
