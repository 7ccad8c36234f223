/**
 * Composition root of the engine: chooses the backend, and how models are found and opened. Commands make their engine
 * here; engine processes of the studio load this module and call the same `createEngine`.
 */

import { totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { createPictureEngine } from '#pipelines/engine';
import type { HostMemory } from '#pipelines/memory/host-memory';
import type { PictureEngine } from '#pipelines/request';
import type { EngineSettings } from '#studio/engine-host/protocol';
import { annotatorFinder } from '#studio/library/controls';
import { faceNetworkFinder } from '#studio/library/faces';
import { modelOpener } from '#studio/library/open-model';
import { modelRoots } from '#studio/library/roots';
import { ownUpscaler, upscalerOpener } from '#studio/library/upscalers';
import { version } from '#studio/version';
import { createBackend, knownDevice } from './backend-main.ts';

/**
 * `options` may hold `threads`, `memoryBudget`, the bytes that faster forms of weights may take, and `memoryLimit`, the
 * bytes that the process may take in all (default: what is free).
 * @throws UserError for a device of no such name
 */
export function createEngine({ device, modelRoots: roots, options }: EngineSettings): PictureEngine {
  const known = knownDevice(device);
  const threads = typeof options.threads === 'number' ? options.threads : undefined;
  // 0 unless asked for: at SD 1.5's size 1 GiB gains 8% of a step and costs 7 s of loading (bench/README.md).
  const memoryBudget = typeof options.memoryBudget === 'number' ? options.memoryBudget : 0;
  const warnings: string[] = [];
  return createPictureEngine({
    backend: createBackend(known, { threads, warn: (message) => void warnings.push(message) }),
    takeWarnings: () => warnings.splice(0),
    openModel: modelOpener(modelRoots(roots)),
    openUpscaler: upscalerOpener(modelRoots(roots)),
    findAnnotator: annotatorFinder(modelRoots(roots)),
    findFaceNetworks: faceNetworkFinder(modelRoots(roots)),
    defaultUpscaler: ownUpscaler,
    now: () => performance.now(),
    version: `Darkroom ${version()}`,
    memoryBudget,
    // An accelerator's memory is its own; what it has left cannot be asked for.
    memory: known === 'cpu' ? hostMemory(options.memoryLimit) : undefined,
  });
}

/** Of what is free this share, so that the rest of the machine goes on. */
const usable = 0.95;

function hostMemory(given: unknown): HostMemory {
  const total = totalmem();
  if (typeof given === 'number' && given > 0) return { limit: () => given, total };
  return { limit: () => process.memoryUsage.rss() + usable * process.availableMemory(), total };
}
