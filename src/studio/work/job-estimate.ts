/**
 * What a picture job would take, told before it is queued: memory as an engine plans it from the model's file, time by
 * how long pictures of the same model took before.
 */

import { hiresRequest, hiresSizes } from '#pipelines/hires';
import type { MemoryEvent } from '#pipelines/request';
import { cellRequest } from '#pipelines/series/series';
import type { EngineHost } from '../engine-host/host.ts';
import type { PictureJob, StoredRequest } from '../queue/job.ts';
import type { InputPaths } from './inputs.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface JobEstimate {
  /** Most that the engine's process would have; undefined where its device's memory is its own. */
  readonly memory: MemoryEvent | undefined;
  /** Undefined where no picture of the model has been made yet. */
  readonly seconds: number | undefined;
}

export interface EstimateParts {
  /** A process of its own: a look must not wait for the job at work. */
  readonly host: EngineHost;
  /** The newest picture jobs that were done. */
  readonly done: () => Promise<readonly PictureJob[]>;
  /** A model's own size. */
  readonly sizeOf: (model: string | undefined) => Promise<Size>;
}

/** @throws DarkroomError as the engine would refuse the job */
export async function estimateJob(
  request: StoredRequest,
  files: InputPaths,
  { host, done, sizeOf }: EstimateParts,
  signal: AbortSignal,
): Promise<JobEstimate> {
  const { series, ...plain } = request;
  const [first = plain] = series?.cells.map((cell) => cellRequest(plain, cell)) ?? [];
  const memory = await host.estimate(first, { files, signal });
  signal.throwIfAborted();
  const size = await sizeOf(request.model);
  const alike = (await done()).filter(({ request: { model } }) => model === request.model);
  return { memory, seconds: secondsLike(alike, size, workOf(request, size, files.init !== undefined)) };
}

/** Denoised pixels, the measure of a job's length; attention, which grows faster, is left out. */
function workOf({ series, ...plain }: StoredRequest, size: Size, hasInit: boolean): number {
  const requests = series ? series.cells.map((cell) => cellRequest(plain, cell)) : [plain];
  return requests.reduce((sum, request) => sum + workOfOne(request, size, hasInit), 0);
}

function workOfOne(request: Omit<StoredRequest, 'series'>, size: Size, hasInit: boolean): number {
  const { width = size.width, height = size.height, batchSize, batchCount } = request;
  const partly = hasInit && !request.exactSteps ? request.denoisingStrength : 1;
  const isGiven = hasInit && request.hires && request.hiresOnly;
  const first = isGiven ? 0 : width * height * request.steps * partly;
  const second = request.hires && (!hasInit || isGiven) ? hiresWork(request, { width, height }) : 0;
  return batchSize * batchCount * (first + second);
}

/** Of the second pass over a picture of this size. */
function hiresWork(request: Omit<StoredRequest, 'series'>, first: Size): number {
  const { width, height } = hiresSizes(request, first, 1).to;
  return width * height * hiresRequest(request).steps * request.denoisingStrength;
}

function secondsLike(jobs: readonly PictureJob[], size: Size, work: number): number | undefined {
  const rate = secondsPerWork(jobs, size);
  return rate === undefined ? undefined : rate * work;
}

/**
 * The middle one of how long jobs took for the same work: seconds for each denoised pixel of a step.
 *
 * @param size of pictures that were asked for without one
 */
export function secondsPerWork(jobs: readonly PictureJob[], size: Size): number | undefined {
  const rates = jobs
    .flatMap(({ request, inputs, startedAt, finishedAt }) => {
      const done = workOf(request, size, inputs.includes('init'));
      if (startedAt === undefined || finishedAt === undefined || done === 0) return [];
      return [(finishedAt - startedAt) / 1000 / done];
    })
    .sort((a, b) => a - b);
  return rates[Math.floor(rates.length / 2)];
}
