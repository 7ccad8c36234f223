/** Who does the work of a studio: one runner for each job of a kind that may be at work at the same time. */

import type { EngineHost } from '../../engine-host/host.ts';
import type { Runner } from '../runner.ts';
import { HashRunner } from './hash.ts';
import { type ModelWorkParts, modelWorkRunners } from './model-work.ts';
import { type PictureParts, PictureRunner } from './picture.ts';
import { type PullParts, PullRunner } from './pull.ts';
import { UpscaleRunner } from './upscale.ts';

export interface RunnerParts extends Omit<PictureParts, 'host'>, PullParts, ModelWorkParts {
  readonly hosts: readonly EngineHost[];
}

const pullsAtOnce = 2;

export function runnersOf(parts: RunnerParts): Runner[] {
  return [
    ...parts.hosts.flatMap((host) => [new PictureRunner({ ...parts, host }), new UpscaleRunner({ ...parts, host })]),
    ...Array.from({ length: pullsAtOnce }, () => new PullRunner(parts)),
    new HashRunner(parts.library),
    ...modelWorkRunners(parts),
  ] as Runner[];
}
