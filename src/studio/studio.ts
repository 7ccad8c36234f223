/**
 * The studio: queue, engines, gallery, settings and accounts put together, with one typed method for everything that a
 * server or a command needs. Opening it recovers from whatever ended the last one.
 */

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Job, JobRequests } from '#api/records/job';
import type { JobKind } from '#api/records/job-kinds';
import type { ModelWorkKind } from '#api/records/model-work';
import { DarkroomError, UserError } from '#core/errors';
import type { Caption } from '#pipelines/annotators/captioner';
import { Engines, type EnginesOptions } from './engine-host/engines.ts';
import type { EngineStatus } from './engine-host/host.ts';
import { type BusEvent, type Emit, type EmitOptions, EventBus, type ResetEvents } from './events/bus.ts';
import { nextEpoch } from './events/epoch.ts';
import { TrashClock } from './gallery/old-trash.ts';
import { localUser } from './gallery/picture-path.ts';
import { adoptPictures, mendTrash } from './gallery/rebuild.ts';
import { OutputsWatch } from './gallery/watch-outputs.ts';
import { listAnnotators } from './library/controls.ts';
import { listFaceRestorers } from './library/faces.ts';
import type { OnnxFile } from './library/onnx-files.ts';
import { existingFolder } from './library/roots.ts';
import { type JobControl, type PullEvents, Pulls } from './pull/pulls.ts';
import { type PullServices, servicesFromEnvironment } from './pull/services.ts';
import type { PictureJob, Stop } from './queue/job.ts';
import { hasEnded, waitForJob } from './queue/wait-for-job.ts';
import { withReader } from './reader/host.ts';
import type { Upload } from './reader/large-bodies.ts';
import type { Asker } from './reader/pool.ts';
import { type Database, openDatabase } from './store/database.ts';
import { type Lock, lockFolder } from './store/lock.ts';
import { migrate } from './store/migrate.ts';
import { migrations } from './store/migrations.ts';
import { watchOutsideChanges } from './store/outside-changes.ts';
import { untilFree, waitElsewhere } from './store/patience.ts';
import { keepReserve, spendReserve } from './store/reserve.ts';
import { Whereabouts } from './store/whereabouts.ts';
import { type CancelOptions, type FolderEvents, StudioFolder, type StudioFolderOptions } from './studio-folder.ts';
import type { CaptionRequest } from './work/caption-picture.ts';
import type { CheckedRequest } from './work/check-request.ts';
import { Intake, type SubmitInput, type Submitter, type UpscaleInput } from './work/intake.ts';
import { estimateJob, type JobEstimate } from './work/job-estimate.ts';
import type { HintRequest } from './work/make-hint.ts';
import { ModelSides } from './work/model-sides.ts';
import { ProgressBoard, type ProgressEvents } from './work/progress.ts';
import { Quota } from './work/quota.ts';
import type { Log, Runner, WorkPlan } from './work/runner.ts';
import { runnersOf } from './work/runners/index.ts';
import { fullDisk, Worker } from './work/worker.ts';

export type { Log } from './work/runner.ts';

export type StudioEvents = FolderEvents &
  ProgressEvents &
  PullEvents &
  ResetEvents & { engine: EngineStatus; 'studio.trouble': { readonly message: string } };

export type StudioEvent = BusEvent<StudioEvents>;

export interface StudioOptions extends StudioFolderOptions {
  /** Absolute path of a module that exports `createEngine` (see engine-host/protocol.ts). */
  readonly engineModule: string;
  /** One engine process each; default one called `cpu`. */
  readonly devices?: EnginesOptions['devices'];
  /** Hubs, tokens and cache for downloads; default from the environment. */
  readonly pulls?: PullServices;
  /** Who does further kinds of work (trainings); made by whoever knows the backend. */
  readonly runners?: readonly Runner[];
  /** Default true. */
  readonly hashInBackground?: boolean;
  readonly log?: Log;
}

/** @throws UserError `folder.locked` when another Darkroom has the folders; DarkroomError `store.*` */
export async function createStudio(options: StudioOptions): Promise<Studio> {
  try {
    const studio = await openStudio(options);
    keepReserve(options.dataDir);
    return studio;
  } catch (error) {
    const isFull = error instanceof DarkroomError && fullDisk.includes(error.code);
    if (!isFull || !spendReserve(options.dataDir)) throw error;
    options.log?.('warn', 'The disk is full; what was kept for this is used up to start. Free some space.');
    return await openStudio(options);
  }
}

async function openStudio(options: StudioOptions): Promise<Studio> {
  mkdirSync(options.dataDir, { recursive: true });
  const locks: Lock[] = [];
  let db: Database | undefined;
  try {
    locks.push(lockFolder(options.dataDir));
    if (options.outputsDir !== options.dataDir) locks.push(lockFolder(options.outputsDir));
    const file = databaseFile(options.dataDir);
    db = openDatabase(file);
    migrate(db, migrations, { file });
    const studio = new Studio(db, options, locks);
    await studio.recover();
    waitElsewhere(db);
    db.useThread();
    return studio;
  } catch (error) {
    db?.close();
    for (const lock of locks) lock.release();
    throw error;
  }
}

const databaseFile = (dataDir: string): string => join(dataDir, 'studio.db');

/** The compiler does not see that a type and its data stay together. */
type EmitAny = (type: string, data: unknown, options?: EmitOptions) => void;

const dayMs = 86_400_000;
const lookAtTrashMs = 15 * 60_000;

export class Studio extends StudioFolder {
  readonly pulls: Pulls;
  readonly progress: ProgressBoard;
  readonly events: EventBus<StudioEvents>;
  readonly #options: StudioOptions;
  readonly #locks: readonly Lock[];
  readonly #engines: Engines;
  readonly #sides: ModelSides;
  readonly #intake: Intake;
  readonly #workers: readonly Worker[];
  readonly #log: Log;
  readonly #outputsWatch: OutputsWatch;
  readonly #trashClock = new TrashClock();
  #whereabouts = new Whereabouts([]);
  #trouble: string | undefined;
  #trashTimer: NodeJS.Timeout | undefined;
  #offOutside: () => void = () => {};
  /** Resolves when the model folders have been looked at for the first time. */
  #listed: Promise<void> = Promise.resolve();

  constructor(db: Database, options: StudioOptions, locks: readonly Lock[]) {
    const log: Log = options.log ?? (() => {});
    const events = new EventBus<StudioEvents>({
      epoch: nextEpoch(db),
      onError: (error) => log('error', 'A listener failed.', { error: String(error) }),
    });
    let pulls: Pulls | undefined;
    const emit: Emit<StudioEvents> = (...[type, data, options]) => {
      (events.emit as EmitAny)(type, data, options);
      if (type.startsWith('job.')) pulls?.follow(type as 'job.changed', data as Job);
    };
    super(db, options, emit, () => this.#hashNewModels());
    this.#options = options;
    this.#locks = locks;
    this.#log = log;
    this.events = events;
    this.progress = new ProgressBoard(emit);
    const services = options.pulls ?? servicesFromEnvironment(process.env, homedir());
    this.pulls = new Pulls({ jobs: this.#control(), progress: this.progress, hosts: services.hosts, emit });
    pulls = this.pulls;
    const { queue, gallery, library, settings, inputs, keptSteps, promptFiles } = this;
    const { engineModule, modelRoots, devices, outputsDir } = options;
    const onStatus = (status: EngineStatus) => events.emit('engine', status);
    this.#engines = new Engines({ module: engineModule, devices, modelRoots, settings, onStatus, log });
    const sides = new ModelSides(library);
    const quota = new Quota({ db, queue, gallery, settings, inputs });
    const listed = async () => await this.listed();
    this.#sides = sides;
    this.#intake = new Intake({ queue, library, settings, promptFiles, inputs, sides, quota, modelRoots, listed });
    const runners = runnersOf({
      gallery,
      library,
      settings,
      inputs,
      keptSteps,
      hosts: this.#engines.hosts,
      roots: modelRoots,
      services,
      describe: (path) => library.describe(path),
      onInstalled: () => this.#lookAtModels(),
    });
    this.#workers = [...runners, ...(options.runners ?? [])].map((runner) => this.#makeWorker(runner));
    this.#outputsWatch = new OutputsWatch(
      outputsDir,
      async (paths) => await this.gallery.adopt(paths),
      (error) => log('warn', 'The outputs could not be watched.', { error: String(error) }),
    );
  }

  /** Once, after opening: mends what a kill left, then lets the workers go. */
  async recover(): Promise<void> {
    await this.gallery.sweep();
    await mendTrash(this.db, this.#options.outputsDir);
    const { jobs } = await this.queue.list({ kinds: ['picture'], states: ['running'], limit: 1000 });
    await withReader('picture', async (read) => {
      for (const job of jobs) {
        const { problems } = await adoptPictures(this.db, this.#options.outputsDir, read, job);
        for (const problem of problems)
          this.#log('warn', 'A file of an interrupted job is no picture.', { ...problem });
      }
    });
    this.queue.recover((job) => (job.kind === 'picture' ? this.gallery.delivered(job.id).size : job.delivered));
    await this.inputs.sweep((id) => this.db.get('SELECT 1 FROM jobs WHERE id = ?', [id]) !== undefined);
    const { dataDir, outputsDir } = this.#options;
    this.#whereabouts = new Whereabouts([databaseFile(dataDir), outputsDir]);
    this.#listed = this.library.start().catch((error: unknown) => {
      this.#log('error', 'The model folders could not be read.', { error: String(error) });
    });
    for (const worker of this.#workers) worker.start();
    this.#trashTimer = setInterval(() => void this.#emptyTrashSafely(), lookAtTrashMs);
    this.#trashTimer.unref();
    this.#outputsWatch.start();
    this.#offOutside = watchOutsideChanges(this.db, {
      onChange: () => void this.#changedOutside(),
      onLook: () => this.#lookForTrouble(),
    });
  }

  /** Resolves when no other process writes to the database. @throws DarkroomError `store.busy` when that takes long */
  async untilFree(): Promise<void> {
    await untilFree(this.db);
  }

  /** Resolves when the model folders have been looked at for the first time. */
  async listed(): Promise<void> {
    await this.#listed;
  }

  /** Why nothing can be kept now, and so nothing is taken or begun; undefined while all is well. */
  trouble(): string | undefined {
    return this.#trouble;
  }

  /** What a job would take. @throws UserError `job.no-runner` where this studio does no such work */
  async plan<K extends JobKind>(kind: K, request: Job<K>['request'], signal: AbortSignal): Promise<WorkPlan> {
    const runner = this.#options.runners?.find((each) => each.kind === kind);
    if (runner?.plan) return await runner.plan(request, signal);
    throw new UserError('job.no-runner', `This Darkroom does no work of the kind ${kind}.`);
  }

  /**
   * Queues requests, together as one batch when there are several. Seeds of -1 are drawn here, so that a job that is
   * interrupted goes on with the same ones.
   * @throws UserError `request.invalid`, `model.unknown`, `queue.full`; nothing is queued then
   */
  async submit(inputs: SubmitInput | readonly SubmitInput[]): Promise<readonly PictureJob[]> {
    this.#checkReady();
    return await this.#intake.pictures([inputs].flat());
  }

  /** What a request would take if it were queued; nothing is. @throws UserError as `submit` would */
  async estimate(input: SubmitInput, signal: AbortSignal): Promise<JobEstimate & Pick<CheckedRequest, 'warnings'>> {
    const parts = {
      host: this.#engines.estimator,
      done: async () => (await this.queue.list({ kinds: ['picture'], states: ['done'], limit: 50 })).jobs,
      sizeOf: async (model: string | undefined) => await this.#sides.ownSize({ model }),
    };
    return await this.#intake.withWhole(input, async ({ request, warnings }, files) => {
      return { ...(await estimateJob(request, files, parts, signal)), warnings };
    });
  }

  /** Queues the enlarging of a picture, whose text goes on to the enlarged one. @throws UserError */
  async submitUpscale(input: UpscaleInput): Promise<Job> {
    this.#checkReady();
    return await this.#intake.upscale(input);
  }

  /** Queues the making of a model file of others. @throws UserError `model.unknown`, `queue.full`, `*.exists` */
  async submitModelWork<K extends ModelWorkKind>(
    kind: K,
    request: JobRequests[K],
    submitter: Submitter = {},
  ): Promise<Job> {
    this.#checkReady();
    return await this.#intake.modelWork(kind, request, submitter);
  }

  /** @throws DarkroomError `studio.not-ready` */
  #checkReady(): void {
    this.#lookForTrouble();
    if (this.#trouble) throw new DarkroomError('studio.not-ready', this.#trouble);
  }

  /** Networks that restore faces, by name. */
  async faceRestorers(): Promise<readonly OnnxFile[]> {
    return await listFaceRestorers(this.#options.modelRoots);
  }

  /** What a module makes of a picture, as a PNG. @throws UserError `image.*`, `control.*`, `annotator.*` */
  async makeHint(
    pictures: { readonly image: Upload; readonly mask?: Upload | undefined },
    request: HintRequest,
    asker?: Asker,
  ): Promise<Uint8Array> {
    const { uploads } = this.inputs;
    const { modelRoots } = this.#options;
    return await uploads.withFiles(pictures, async ({ image, mask }) => {
      return await uploads.run('hint', { ...request, image: image!, mask, modelRoots }, asker);
    });
  }

  /** What a picture shows, by a captioner of the user's. @throws UserError `image.*`, `captioner.*` */
  async caption(image: Upload, request: CaptionRequest, asker?: Asker): Promise<Caption> {
    const { uploads } = this.inputs;
    const { modelRoots } = this.#options;
    return await uploads.withFiles({ image }, async ({ image: file }) => {
      return await uploads.run('caption', { ...request, image: file!, modelRoots }, asker);
    });
  }

  /**
   * Looks for models in one more folder, now and after a restart; new models still go where they went.
   *
   * @returns its whole path
   * @throws UserError `models.folder`
   */
  async addModelFolder(folder: string): Promise<string> {
    const { modelRoots, keepModelFolder } = this.#options;
    const full = existingFolder(folder);
    if (!modelRoots.includes(full)) {
      keepModelFolder?.(full);
      modelRoots.push(full);
      await this.library.follow();
      this.#engines.renew();
    }
    return full;
  }

  /** Annotators that lie in the model folders, by name. */
  async annotators(): Promise<string[]> {
    return (await listAnnotators(this.#options.modelRoots)).map(({ name }) => name);
  }

  /** Ends a job, a running one as `CancelOptions` say. @throws UserError `job.unknown` */
  override async cancel(id: string, options: CancelOptions = {}): Promise<Job> {
    const job = await super.cancel(id, options);
    if (job.state === 'running') this.#stop(id, options.hard ? 'kill' : options.partial ? 'partial' : 'cancel');
    else if (job.state !== 'done') await this.#workers.find(({ kind }) => kind === job.kind)?.discard(job);
    return job;
  }

  /** Ends the batch that a job draws as far as it has come; the job goes on with the next one. */
  skip(id: string): void {
    for (const worker of this.#workers) worker.skip(id);
  }

  /** Holds a job: a waiting one at once, a running one after its step; what it has made so far stays. */
  override async pause(id: string): Promise<Job> {
    const job = await super.pause(id);
    if (job.state === 'running') this.#stop(id, 'pause');
    return job;
  }

  /** The job once it has ended. Rejects with the signal's reason when that comes first. */
  async wait(id: string, signal?: AbortSignal): Promise<Job> {
    return await waitForJob(id, hasEnded, this, signal);
  }

  engines(): readonly EngineStatus[] {
    return this.#engines.status();
  }

  /** Starts every engine process ahead of the first job. */
  async warm(): Promise<void> {
    await this.#engines.warm();
  }

  /** Ends engine processes that have nothing to do, which gives their memory back. */
  async unload(): Promise<void> {
    await this.#engines.unload();
  }

  /**
   * Removes for good what has been in the trash for longer than the settings say, if the clock can be trusted: nothing
   * goes at the first call. Returns how many.
   */
  async emptyOldTrash(): Promise<number> {
    const { trashDays } = this.settings.get();
    const before = this.#trashClock.look(trashDays * dayMs);
    if (trashDays === 0 || before === undefined || this.#trouble) return 0;
    return await this.gallery.purge({ before });
  }

  /** Stops engines and workers; the job at work waits again. */
  override async close(): Promise<void> {
    clearInterval(this.#trashTimer);
    this.#offOutside();
    this.#outputsWatch.close();
    const stopped = Promise.all(this.#workers.map((worker) => worker.close()));
    // A step may take long: what is not over in a moment is ended with its process.
    const force = setTimeout(() => void this.#engines.dispose(), 1000);
    await stopped;
    clearTimeout(force);
    await this.#engines.dispose();
    await super.close();
    await this.db.endThread();
    this.db.close();
    for (const lock of this.#locks) lock.release();
  }

  /** A command in another process changed the queue, the gallery or an account. */
  async #changedOutside(): Promise<void> {
    try {
      for (const { id, stop } of this.queue.stopping()) this.#stop(id, stop);
      this.queue.changedOutside();
      this.settings.changedOutside();
      this.events.emit('reset', { reason: 'A command changed the studio; fetch the state anew.' });
    } catch (error) {
      this.#log('error', 'A change by another process could not be read.', { error: String(error) });
    }
  }

  #lookAtModels(): void {
    this.library.refresh().catch((error: unknown) => {
      this.#log('error', 'The model folders could not be read.', { error: String(error) });
    });
  }

  #makeWorker(runner: Runner): Worker {
    const { queue, progress, library } = this;
    const isReady = () => this.#trouble === undefined;
    return new Worker({ queue, runner, progress, isReady, log: this.#log, shown: library.shown });
  }

  #control(): JobControl {
    return {
      queue: this.queue,
      cancel: async (id) => await this.cancel(id),
      pause: async (id) => await this.pause(id),
      clear: async (filter) => await this.clear(filter),
      settled: async (id) => await waitForJob(id, (job) => hasEnded(job) || job.state === 'paused', this),
    };
  }

  #stop(id: string, how: Stop | 'partial'): void {
    for (const worker of this.#workers) worker.stop(id, how);
  }

  /** Told once; work goes on when all is back. */
  #lookForTrouble(): void {
    const trouble = this.#whereabouts.problem();
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    if (trouble === undefined) this.queue.changedOutside();
    else {
      this.#log('error', trouble);
      this.events.emit('studio.trouble', { message: trouble });
    }
  }

  #hashNewModels(): void {
    if (this.#options.hashInBackground === false) return;
    this.#queueHashes().catch((error: unknown) => {
      this.#log('warn', 'Models could not be queued for hashing.', { error: String(error) });
    });
  }

  async #queueHashes(): Promise<void> {
    const { jobs } = await this.queue.list({ kinds: ['hash'], states: ['queued', 'running', 'paused'], limit: 1000 });
    const waiting = new Set(jobs.map(({ request }) => request.model));
    const models = this.library.unhashed().filter(({ id }) => !waiting.has(id));
    if (models.length === 0) return;
    await this.queue.add(
      models.map(({ id, name }) => ({ kind: 'hash', user: localUser, label: name, request: { model: id }, total: 0 })),
    );
  }

  async #emptyTrashSafely(): Promise<void> {
    try {
      await this.emptyOldTrash();
    } catch (error) {
      this.#log('warn', 'The trash could not be emptied of old pictures.', { error: String(error) });
    }
  }
}
