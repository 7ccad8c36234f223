/**
 * The studio: queue, engines, gallery, settings and accounts put together, with one typed method for everything that a
 * server or a command needs. Opening it recovers from whatever ended the last one.
 */

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SettingsValues } from '#api/records/settings';
import { UserError } from '#core/errors';
import type { GenerateInput } from '#pipelines/request';
import { EngineHost, type EngineStatus } from './engine-host/host.ts';
import { type BusEvent, EventBus, type ResetEvents } from './events/bus.ts';
import { localUser } from './gallery/picture-path.ts';
import { adoptPictures, mendTrash } from './gallery/rebuild.ts';
import { preparePrompts } from './prompts/prepare.ts';
import type { PullEvents } from './pull/pull.ts';
import { Pulls } from './pull/pulls.ts';
import { type PullServices, servicesFromEnvironment } from './pull/services.ts';
import { endStates, type Job, type NewJob } from './queue/job.ts';
import { type Database, openDatabase } from './store/database.ts';
import { newId } from './store/id.ts';
import { type FolderLock, lockFolder } from './store/lock.ts';
import { migrate } from './store/migrate.ts';
import { migrations } from './store/migrations.ts';
import { watchOutsideChanges } from './store/outside-changes.ts';
import {
  type CancelOptions,
  type FolderEvents,
  StudioFolder,
  type StudioFolderOptions,
  unknownJob,
} from './studio-folder.ts';
import { checkRequest } from './work/check-request.ts';
import { ProgressBoard, type ProgressEvents } from './work/progress.ts';
import { Worker } from './work/worker.ts';

export type StudioEvents = FolderEvents & ProgressEvents & PullEvents & ResetEvents & { engine: EngineStatus };

export type StudioEvent = BusEvent<StudioEvents>;

export type Log = (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

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
  readonly log?: Log;
}

export interface SubmitInput {
  readonly request: GenerateInput;
  /** Default: the local user. */
  readonly user?: string;
  /** Higher goes first; default 0. */
  readonly priority?: number;
  readonly label?: string;
  /** What whoever made the request of another one could not keep of it. */
  readonly warnings?: readonly string[];
}

/** @throws UserError `folder.locked` when another Darkroom has the folders; DarkroomError `store.*` */
export async function createStudio(options: StudioOptions): Promise<Studio> {
  mkdirSync(options.dataDir, { recursive: true });
  const locks: FolderLock[] = [];
  let db: Database | undefined;
  try {
    locks.push(lockFolder(options.dataDir));
    if (options.outputsDir !== options.dataDir) locks.push(lockFolder(options.outputsDir));
    const file = join(options.dataDir, 'studio.db');
    db = openDatabase(file);
    migrate(db, migrations, { file });
    const studio = new Studio(db, options, locks);
    await studio.recover();
    return studio;
  } catch (error) {
    db?.close();
    for (const lock of locks) lock.release();
    throw error;
  }
}

export class Studio extends StudioFolder {
  readonly pulls: Pulls;
  readonly progress: ProgressBoard;
  readonly events: EventBus<StudioEvents>;
  readonly #options: StudioOptions;
  readonly #locks: readonly FolderLock[];
  readonly #hosts: readonly EngineHost[];
  readonly #workers: readonly Worker[];
  readonly #log: Log;
  #trashTimer: NodeJS.Timeout | undefined;
  #offOutside: () => void = () => {};
  /** Resolves when the model folders have been looked at for the first time. */
  #listed: Promise<void> = Promise.resolve();

  constructor(db: Database, options: StudioOptions, locks: readonly FolderLock[]) {
    const log: Log = options.log ?? (() => {});
    const events = new EventBus<StudioEvents>({
      epoch: nextEpoch(db),
      onError: (error) => log('error', 'A listener failed.', { error: String(error) }),
    });
    const { emit } = events;
    super(db, options, emit);
    this.#options = options;
    this.#locks = locks;
    this.#log = log;
    this.events = events;
    this.progress = new ProgressBoard(emit);
    this.pulls = new Pulls({
      db,
      emit,
      roots: options.modelRoots,
      services: options.pulls ?? servicesFromEnvironment(process.env, homedir()),
      describe: (path) => this.library.describe(path),
      onInstalled: () => this.#lookAtModels(),
    });
    this.#hosts = (options.devices ?? [{ name: 'cpu' }]).map((device) => this.#makeHost(device));
    this.#workers = this.#hosts.map((host) => this.#makeWorker(host));
    this.settings.onChange((values) => this.#applyLimits(values));
  }

  /** Once, after opening: mends what a kill left, then lets the workers go. */
  async recover(): Promise<void> {
    await this.gallery.sweep();
    await mendTrash(this.db, this.#options.outputsDir);
    const { jobs } = await this.queue.list({ states: ['running'], limit: 1000 });
    for (const job of jobs) {
      const { problems } = await adoptPictures(this.db, this.#options.outputsDir, job);
      for (const problem of problems) this.#log('warn', 'A file of an interrupted job is no picture.', { ...problem });
    }
    this.queue.recover((id) => this.gallery.delivered(id).size);
    await this.inputs.sweep((id) => this.db.get('SELECT 1 FROM jobs WHERE id = ?', [id]) !== undefined);
    this.#listed = this.library.start().catch((error: unknown) => {
      this.#log('error', 'The model folders could not be read.', { error: String(error) });
    });
    this.pulls.start();
    for (const worker of this.#workers) worker.start();
    this.#trashTimer = setInterval(() => void this.emptyOldTrash(), 3_600_000);
    this.#trashTimer.unref();
    this.#offOutside = watchOutsideChanges(this.db, () => void this.#changedOutside());
  }

  /**
   * Queues requests, together as one batch when there are several. Seeds of -1 are drawn here, so that a job that is
   * interrupted goes on with the same ones.
   * @throws UserError `request.invalid`, `model.unknown`, `queue.full`; nothing is queued then
   */
  async submit(inputs: SubmitInput | readonly SubmitInput[]): Promise<readonly Job[]> {
    const list = Array.isArray(inputs) ? (inputs as readonly SubmitInput[]) : [inputs as SubmitInput];
    const { counts } = await this.queue.state();
    const { maxWaitingJobs } = this.settings.get();
    if (counts.queued + counts.paused + list.length > maxWaitingJobs) {
      throw new UserError('queue.full', `At most ${maxWaitingJobs} jobs may wait; try again when some are done.`);
    }
    const batch = list.length > 1 ? { batch: newId() } : {};
    await this.#listed;
    const { library } = this;
    const { defaultModel } = this.settings.get();
    const checked = list.map((input) => ({
      input,
      id: newId(),
      ...checkRequest(input.request, library, defaultModel),
    }));
    const jobs: NewJob[] = [];
    for (const { input, id, request: asked, warnings } of checked) {
      const { request, warnings: unfound } = await preparePrompts(asked, this.promptFiles);
      jobs.push({
        id,
        user: input.user ?? localUser,
        priority: input.priority ?? 0,
        ...(input.label === undefined ? {} : { label: input.label }),
        ...batch,
        request,
        inputs: await this.inputs.write(id, input.request),
        total: request.batchSize * request.batchCount,
        warnings: [...(input.warnings ?? []), ...warnings, ...unfound],
      });
    }
    return await this.queue.add(jobs);
  }

  /** Ends a job. A running one stops after its step, or at once with `hard`; see `CancelOptions`. @throws UserError `job.unknown` */
  override async cancel(id: string, options: CancelOptions = {}): Promise<Job> {
    const job = await super.cancel(id, options);
    if (job.state === 'running') for (const worker of this.#workers) worker.cancel(id, options);
    return job;
  }

  /** The job once it has ended. Rejects with the signal's reason when that comes first. */
  async wait(id: string, signal?: AbortSignal): Promise<Job> {
    return await new Promise<Job>((resolve, reject) => {
      const onAbort = () => settle(() => reject(signal!.reason as Error));
      const off = this.events.subscribe((event) => {
        if (event.type === 'job.changed' && event.data.id === id && hasEnded(event.data))
          settle(() => resolve(event.data));
        if (event.type === 'job.removed' && event.data.id === id) settle(() => reject(unknownJob(id)));
      });
      const settle = (outcome: () => void) => {
        off();
        signal?.removeEventListener('abort', onAbort);
        outcome();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) return onAbort();
      this.queue.get(id).then(
        (job) => {
          if (!job) settle(() => reject(unknownJob(id)));
          else if (hasEnded(job)) settle(() => resolve(job));
        },
        (error: Error) => settle(() => reject(error)),
      );
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

  /** Removes for good what has been in the trash for longer than the settings say. */
  async emptyOldTrash(): Promise<number> {
    const { trashDays } = this.settings.get();
    return trashDays === 0 ? 0 : await this.gallery.purge({ before: Date.now() - trashDays * 86_400_000 });
  }

  /** Stops engines and workers; the job at work waits again. */
  async close(): Promise<void> {
    clearInterval(this.#trashTimer);
    this.#offOutside();
    const stopped = Promise.all(this.#workers.map((worker) => worker.stop()));
    // A step may take long: what is not over in a moment is ended with its process.
    const force = setTimeout(() => void this.#disposeHosts(), 1000);
    await stopped;
    clearTimeout(force);
    await this.#disposeHosts();
    await this.pulls.close();
    await this.library.close();
    this.db.close();
    for (const lock of this.#locks) lock.release();
  }

  async #disposeHosts(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.dispose()));
  }

  /** A command in another process changed the queue, the gallery or an account. */
  async #changedOutside(): Promise<void> {
    try {
      for (const { id, hard } of this.queue.cancelling()) {
        for (const worker of this.#workers) worker.cancel(id, { hard });
      }
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
    const values = this.settings.get();
    return new EngineHost({
      module: this.#options.engineModule,
      settings: { device: device.name, modelRoots: this.#options.modelRoots, options: device.options ?? {} },
      ...limits(values),
      onStatus: (status) => this.events.emit('engine', status),
      onOutput: (text) => this.#log('info', 'engine output', { device: device.name, text: text.trimEnd() }),
    });
  }

  #makeWorker(host: EngineHost): Worker {
    const { queue, gallery, settings, progress, library } = this;
    return new Worker({ queue, gallery, settings, progress, library, host, inputs: this.inputs, log: this.#log });
  }

  #applyLimits(values: SettingsValues): void {
    for (const host of this.#hosts) host.configure(limits(values));
  }
}

function limits(values: SettingsValues): { idleMs: number; memoryLimit: number } {
  return { idleMs: values.idleUnloadMinutes * 60_000, memoryLimit: values.memoryLimitMib * 2 ** 20 };
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
