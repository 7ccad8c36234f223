/**
 * The studio: queue, engines, gallery, settings and accounts put together, with one typed method for everything that a
 * server or a command needs. Opening it recovers from whatever ended the last one.
 */

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { controlRoles, endStates, type Job, type JobKind, type JobRequests } from '#api/records/job';
import type { ModelWorkKind } from '#api/records/model-work';
import type { SettingsValues } from '#api/records/settings';
import { DarkroomError, UserError } from '#core/errors';
import type { Caption } from '#pipelines/annotators/captioner';
import { checkControls, findModule } from '#pipelines/control/units';
import type { GenerateSettings } from '#pipelines/request';
import { placesOf } from '#pipelines/series/series';
import { type UpscaleSettings, upscaledSize } from '#pipelines/upscale/request';
import { EngineHost, type EngineHostOptions, type EngineStatus } from './engine-host/host.ts';
import { machineMemory } from './engine-host/process-info.ts';
import { type BusEvent, type Emit, type EmitOptions, EventBus, type ResetEvents } from './events/bus.ts';
import { inTurns } from './events/next-turn.ts';
import { TrashClock } from './gallery/old-trash.ts';
import { localUser } from './gallery/picture-path.ts';
import { adoptPictures, mendTrash } from './gallery/rebuild.ts';
import { OutputsWatch } from './gallery/watch-outputs.ts';
import { annotatorFinder, listAnnotators } from './library/controls.ts';
import { existingFolder } from './library/roots.ts';
import { checkModelWork } from './model-work/check.ts';
import { preparePrompts } from './prompts/prepare.ts';
import { type JobControl, type PullEvents, Pulls } from './pull/pulls.ts';
import { type PullServices, servicesFromEnvironment } from './pull/services.ts';
import type { NewJob, PictureJob, Stop, StoredRequest } from './queue/job.ts';
import { withReader } from './reader/host.ts';
import type { Upload } from './reader/large-bodies.ts';
import type { Asker } from './reader/pool.ts';
import { type Database, openDatabase } from './store/database.ts';
import { newId } from './store/id.ts';
import { type Lock, lockFolder } from './store/lock.ts';
import { migrate } from './store/migrate.ts';
import { migrations } from './store/migrations.ts';
import { watchOutsideChanges } from './store/outside-changes.ts';
import { untilFree, waitElsewhere } from './store/patience.ts';
import { keepReserve, spendReserve } from './store/reserve.ts';
import { Whereabouts } from './store/whereabouts.ts';
import {
  type CancelOptions,
  type FolderEvents,
  StudioFolder,
  type StudioFolderOptions,
  unknownJob,
} from './studio-folder.ts';
import type { CaptionRequest } from './work/caption-picture.ts';
import { type CheckedRequest, checkRequest, upscalerName } from './work/check-request.ts';
import type { InputUploads } from './work/inputs.ts';
import { type EstimateParts, estimateJob, type JobEstimate } from './work/job-estimate.ts';
import type { HintRequest } from './work/make-hint.ts';
import { ModelSides } from './work/model-sides.ts';
import type { InputRules } from './work/prepare-inputs.ts';
import { ProgressBoard, type ProgressEvents } from './work/progress.ts';
import type { Log, Runner, WorkPlan } from './work/runner.ts';
import { runnersOf } from './work/runners/index.ts';
import { type SeriesInput, storedSeries } from './work/series.ts';
import { fullDisk, Worker } from './work/worker.ts';

export type { Log } from './work/runner.ts';

export type StudioEvents = FolderEvents &
  ProgressEvents &
  PullEvents &
  ResetEvents & { engine: EngineStatus; 'studio.trouble': { readonly message: string } };

export type StudioEvent = BusEvent<StudioEvents>;

export interface StudioDevice {
  /** E.g. `cpu`, `webgpu`. */
  readonly name: string;
  /** Passed on to the engine. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface StudioOptions extends StudioFolderOptions {
  /** Absolute path of a module that exports `createEngine` (see engine-host/protocol.ts). */
  readonly engineModule: string;
  /** One engine process each; default one called `cpu`. */
  readonly devices?: readonly StudioDevice[];
  /** Hubs, tokens and cache for downloads; default from the environment. */
  readonly pulls?: PullServices;
  /** Who does further kinds of work (trainings); made by whoever knows the backend. */
  readonly runners?: readonly Runner[];
  /** Default true. */
  readonly hashInBackground?: boolean;
  readonly log?: Log;
}

export interface SubmitInput {
  readonly request: GenerateSettings;
  /** Pictures to start from, as they came. */
  readonly pictures?: InputUploads;
  readonly inputRules?: InputRules;
  /** Default: the local user. */
  readonly user?: string;
  /** Higher goes first; default 0. */
  readonly priority?: number;
  readonly label?: string;
  /** Cut sides to what the model takes rather than refuse them. */
  readonly fitSides?: boolean;
  /** Many pictures of varied requests, of which `request` is the base. */
  readonly series?: SeriesInput;
  /** What whoever made the request of another one could not keep of it. */
  readonly warnings?: readonly string[];
}

interface Submission extends CheckedRequest {
  readonly input: SubmitInput;
  readonly id: string;
}

/** A picture to enlarge, as it came. */
export interface UpscaleInput extends Pick<SubmitInput, 'user' | 'priority' | 'label'> {
  readonly request: UpscaleSettings;
  readonly picture: Upload;
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
/** Someone who asks what a job takes often asks again with a change. */
const estimatesIdleMs = 60_000;

export class Studio extends StudioFolder {
  readonly pulls: Pulls;
  readonly progress: ProgressBoard;
  readonly events: EventBus<StudioEvents>;
  readonly #options: StudioOptions;
  readonly #locks: readonly Lock[];
  readonly #hosts: readonly EngineHost[];
  readonly #estimates: EstimateParts;
  readonly #workers: readonly Worker[];
  readonly #log: Log;
  readonly #outputsWatch: OutputsWatch;
  readonly #trashClock = new TrashClock();
  #whereabouts = new Whereabouts([]);
  readonly #sides: ModelSides;
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
    this.#sides = new ModelSides(this.library);
    this.#locks = locks;
    this.#log = log;
    this.events = events;
    this.progress = new ProgressBoard(emit);
    const services = options.pulls ?? servicesFromEnvironment(process.env, homedir());
    this.pulls = new Pulls({ jobs: this.#control(), progress: this.progress, hosts: services.hosts, emit });
    pulls = this.pulls;
    this.#hosts = (options.devices ?? [{ name: 'cpu' }]).map((device) => this.#makeHost(device));
    const [device = { name: 'cpu' }] = options.devices ?? [];
    this.#estimates = {
      host: new EngineHost({ ...this.#hostOptions(device), idleMs: estimatesIdleMs }),
      done: async () => (await this.queue.list({ kinds: ['picture'], states: ['done'], limit: 50 })).jobs,
      sizeOf: async (model) => await this.#sides.ownSize({ model }),
    };
    const { gallery, library, settings, inputs, keptSteps } = this;
    const runners = runnersOf({
      gallery,
      library,
      settings,
      inputs,
      keptSteps,
      hosts: this.#hosts,
      roots: options.modelRoots,
      services,
      describe: (path) => library.describe(path),
      onInstalled: () => this.#lookAtModels(),
    });
    this.#workers = [...runners, ...(options.runners ?? [])].map((runner) => this.#makeWorker(runner));
    settings.onChange((values) => this.#applyLimits(values));
    const { outputsDir } = options;
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
    this.#lookForTrouble();
    if (this.#trouble) throw new DarkroomError('studio.not-ready', this.#trouble);
    const list = Array.isArray(inputs) ? (inputs as readonly SubmitInput[]) : [inputs as SubmitInput];
    this.#checkRoom(list);
    const batch = list.length > 1 ? newId() : undefined;
    const jobs: NewJob[] = [];
    for (const { input, id, request, warnings } of await this.#accepted(list)) {
      jobs.push({
        id,
        kind: 'picture',
        user: input.user ?? localUser,
        priority: input.priority ?? 0,
        label: input.label,
        batch,
        request,
        inputs: await this.inputs.write(id, input.pictures ?? {}, input.inputRules, askerOf(input.user)),
        total: request.series ? placesOf(request, request.series).total : request.batchSize * request.batchCount,
        warnings: [...(input.warnings ?? []), ...warnings],
      });
    }
    return (await this.queue.add(jobs)) as readonly PictureJob[];
  }

  /** What a request would take if it were queued; nothing is. @throws UserError as `submit` would */
  async estimate(input: SubmitInput, signal: AbortSignal): Promise<JobEstimate & Pick<CheckedRequest, 'warnings'>> {
    const [{ id, request, warnings }] = (await this.#accepted([input])) as [Submission];
    try {
      const roles = await this.inputs.write(id, input.pictures ?? {}, input.inputRules);
      const files = await this.inputs.paths(id, roles);
      return { ...(await estimateJob(request, files, this.#estimates, signal)), warnings };
    } finally {
      await this.inputs.remove(id);
    }
  }

  /** Queues the enlarging of a picture, whose text goes on to the enlarged one. @throws UserError */
  async submitUpscale({ request, picture, user = localUser, priority = 0, label }: UpscaleInput): Promise<Job> {
    this.#lookForTrouble();
    if (this.#trouble) throw new DarkroomError('studio.not-ready', this.#trouble);
    this.#checkRoom([{ user }]);
    const asker = askerOf(user);
    const { width, height } = await this.readHeader(picture, asker);
    upscaledSize({ width, height }, request);
    await this.#listed;
    const names = {
      upscaler: upscalerName(this.library, request.upscaler),
      upscaler2: upscalerName(this.library, request.upscaler2),
    };
    const { infotext } = await this.readTexts(picture, asker);
    const id = newId();
    const inputs = await this.inputs.write(id, { init: picture }, {}, asker);
    const [job] = await this.queue.add([
      { id, kind: 'upscale', user, priority, label, request: { ...request, ...names, infotext }, inputs, total: 1 },
    ]);
    return job!;
  }

  /** Queues the making of a model file of others. @throws UserError `model.unknown`, `queue.full`, `*.exists` */
  async submitModelWork<K extends ModelWorkKind>(
    kind: K,
    request: JobRequests[K],
    { user = localUser, priority = 0, label }: Pick<SubmitInput, 'user' | 'priority' | 'label'> = {},
  ): Promise<Job> {
    this.#lookForTrouble();
    if (this.#trouble) throw new DarkroomError('studio.not-ready', this.#trouble);
    this.#checkRoom([{ user }]);
    await this.#listed;
    const checked = await checkModelWork(kind, request, this.library);
    const [job] = await this.queue.add([
      { kind, user, priority, label: label ?? checked.name, request: checked, total: 1 } as NewJob,
    ]);
    return job!;
  }

  /** @throws UserError `queue.full`, `disk.share` that say the bound, and the setting that raises it */
  #checkRoom(list: readonly Pick<SubmitInput, 'user'>[]): void {
    for (const user of new Set(list.map((input) => input.user ?? localUser))) this.#checkDisk(user);
    const { maxWaitingJobs, maxWaitingJobsPerUser } = this.settings.get();
    const refuse = (most: number, jobs: string, setting: string): never => {
      const advice = `try again when some are done, or raise the setting ${setting}`;
      throw new UserError('queue.full', `At most ${most} ${jobs} may wait; ${advice}.`);
    };
    if (this.queue.waiting() + list.length > maxWaitingJobs) {
      refuse(maxWaitingJobs, 'jobs', 'maxWaitingJobs');
    }
    for (const user of new Set(list.map((input) => input.user ?? localUser))) {
      const own = list.filter((input) => (input.user ?? localUser) === user).length;
      if (this.queue.waiting(user) + own <= maxWaitingJobsPerUser) continue;
      refuse(maxWaitingJobsPerUser, 'jobs of one account', 'maxWaitingJobsPerUser');
    }
  }

  #checkDisk(user: string): void {
    const { maxDiskMibPerUser } = this.settings.get();
    if (maxDiskMibPerUser === 0) return;
    const jobs = this.db.all<{ id: string }>("SELECT id FROM jobs WHERE user = ? AND inputs <> '[]'", [user]);
    const used = this.gallery.bytesOf(user) + this.inputs.sizeOf(jobs.map(({ id }) => id));
    if (used < maxDiskMibPerUser * 2 ** 20) return;
    const what = `The pictures of ${user} take ${Math.ceil(used / 2 ** 20)} MiB of the ${maxDiskMibPerUser} that an account may have`;
    throw new UserError(
      'disk.share',
      `${what}; purge the trash, clear jobs that have ended, or raise the setting maxDiskMibPerUser.`,
    );
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
      for (const host of [...this.#hosts, this.#estimates.host]) host.renew();
    }
    return full;
  }

  /** Annotators that lie in the model folders, by name. */
  async annotators(): Promise<string[]> {
    return (await listAnnotators(this.#options.modelRoots)).map(({ name }) => name);
  }

  /** @throws UserError for units whose pictures or modules are not there */
  /** Checked and made whole, as they would be queued. @throws UserError */
  async #accepted(list: readonly SubmitInput[]): Promise<Submission[]> {
    if (list.some(({ pictures }) => pictures?.mask && !pictures.init)) {
      throw new UserError('request.invalid', 'mask: a mask needs a picture (init) that it is the mask of.');
    }
    const checked = await this.#checkAll(list);
    for (const { input, request } of checked) await this.#checkControls(request, input.pictures ?? {});
    const accepted: Submission[] = [];
    for await (const each of inTurns(checked)) accepted.push({ ...each, ...(await this.#whole(each)) });
    return accepted;
  }

  async #checkControls({ controls }: Pick<StoredRequest, 'controls'>, pictures: InputUploads): Promise<void> {
    checkControls(controls, {
      init: pictures.init !== undefined,
      initMask: pictures.mask !== undefined,
      image: (unit) => pictures[controlRoles[unit]!.image] !== undefined,
      mask: (unit) => pictures[controlRoles[unit]!.mask] !== undefined,
    });
    const find = annotatorFinder(this.#options.modelRoots);
    for (const { module, weight } of controls) if (weight > 0) await findModule(module, find);
  }

  /** With sides that fit, prompts as they are drawn, and the cells of a series. @throws UserError */
  async #whole({ input, request: asked, warnings }: Submission): Promise<CheckedRequest> {
    const complete = async (request: StoredRequest, told: readonly string[]) => {
      const sized = await this.#sides.checked(request, input.fitSides ?? false);
      const { request: prepared, warnings: unfound } = await preparePrompts(
        sized,
        this.promptFiles,
        async (order) => await this.inputs.uploads.run('draw', order, askerOf(input.user), 'prompt'),
      );
      return { request: prepared, warnings: [...told, ...unfound] };
    };
    if (!input.series) return await complete(asked, warnings);
    const hasInit = input.pictures?.init !== undefined;
    return await storedSeries(input.series, input.request, hasInit, async (fields) => {
      const cell = checkRequest(fields, this.library, this.settings.get().defaultModel);
      return await complete(cell.request, cell.warnings);
    });
  }

  /** A model that is not known yet may lie where the first look at the folders has not come to. */
  async #checkAll(list: readonly SubmitInput[]) {
    const check = async () => {
      const { defaultModel } = this.settings.get();
      const checked: Submission[] = [];
      for await (const input of inTurns(list))
        checked.push({ input, id: newId(), ...checkRequest(input.request, this.library, defaultModel) });
      return checked;
    };
    try {
      const checked = await check();
      if (checked.every(({ warnings }) => warnings.length === 0)) return checked;
    } catch (error) {
      if (!(error instanceof UserError && error.code === 'model.unknown')) throw error;
    }
    await this.#listed;
    return await check();
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
    return await this.#waitFor(id, hasEnded, signal);
  }

  async #waitFor(id: string, isOver: (job: Job) => boolean, signal?: AbortSignal): Promise<Job> {
    return await new Promise<Job>((resolve, reject) => {
      const onAbort = () => settle(() => reject(signal!.reason as Error));
      const off = this.events.subscribe((event) => {
        if (event.type === 'job.changed' && event.data.id === id && isOver(event.data))
          settle(() => resolve(event.data));
        if (event.type === 'job.removed' && event.data.id === id) settle(() => reject(unknownJob(id)));
        // Another process may have ended it.
        if (event.type === 'reset') look();
      });
      const settle = (outcome: () => void) => {
        off();
        signal?.removeEventListener('abort', onAbort);
        outcome();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) return onAbort();
      const look = (): void => {
        this.queue.get(id).then(
          (job) => {
            if (!job) settle(() => reject(unknownJob(id)));
            else if (isOver(job)) settle(() => resolve(job));
          },
          (error: Error) => settle(() => reject(error)),
        );
      };
      look();
    });
  }

  engines(): readonly EngineStatus[] {
    return this.#hosts.map((host) => host.status());
  }

  /** Starts every engine process ahead of the first job. */
  async warm(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.start()));
  }

  /** Ends engine processes that have nothing to do, which gives their memory back. */
  async unload(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.unload()));
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
    const force = setTimeout(() => void this.#disposeHosts(), 1000);
    await stopped;
    clearTimeout(force);
    await this.#disposeHosts();
    await super.close();
    this.db.close();
    for (const lock of this.#locks) lock.release();
  }

  async #disposeHosts(): Promise<void> {
    await Promise.all([...this.#hosts, this.#estimates.host].map((host) => host.dispose()));
  }

  /** A command in another process changed the queue, the gallery or an account. */
  async #changedOutside(): Promise<void> {
    try {
      for (const { id, stop } of this.queue.stopping()) this.#stop(id, stop);
      this.queue.changedOutside();
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

  #makeHost(device: StudioDevice): EngineHost {
    return new EngineHost({
      ...this.#hostOptions(device),
      onStatus: (status) => this.events.emit('engine', status),
    });
  }

  #hostOptions(device: StudioDevice): EngineHostOptions {
    return {
      module: this.#options.engineModule,
      settings: { device: device.name, modelRoots: this.#options.modelRoots, options: device.options ?? {} },
      ...limits(this.settings.get()),
      onOutput: (text) => this.#log('info', 'engine output', { device: device.name, text: text.trimEnd() }),
    };
  }

  #makeWorker(runner: Runner): Worker {
    const { queue, progress } = this;
    return new Worker({ queue, runner, progress, isReady: () => this.#trouble === undefined, log: this.#log });
  }

  #control(): JobControl {
    return {
      queue: this.queue,
      cancel: async (id) => await this.cancel(id),
      pause: async (id) => await this.pause(id),
      clear: async (filter) => await this.clear(filter),
      settled: async (id) => await this.#waitFor(id, (job) => hasEnded(job) || job.state === 'paused'),
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

  #applyLimits(values: SettingsValues): void {
    for (const host of this.#hosts) host.configure(limits(values));
  }
}

function askerOf(user = localUser): Asker {
  return { caller: { name: user } };
}

function limits(values: SettingsValues): { idleMs: number; memoryLimit: number } {
  const { idleUnloadMinutes, memoryLimitMib } = values;
  // Below the point where the system would choose what to end, and might choose the studio.
  const memoryLimit = memoryLimitMib > 0 ? memoryLimitMib * 2 ** 20 : 0.9 * machineMemory();
  return { idleMs: idleUnloadMinutes * 60_000, memoryLimit };
}

function hasEnded(job: Job): boolean {
  return (endStates as readonly string[]).includes(job.state);
}

/** Counts the starts, so that event ids grow over restarts. */
function nextEpoch(db: Database): number {
  return db.transaction(() => {
    const row = db.get<{ value: string }>("SELECT value FROM settings WHERE name = 'events.epoch'");
    const epoch = row ? Number(row.value) + 1 : 0;
    db.run(
      `INSERT INTO settings (name, value) VALUES ('events.epoch', ?)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      [String(epoch)],
    );
    return epoch;
  });
}
