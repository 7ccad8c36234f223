/**
 * What a studio keeps in its folders, and what can be done with it whether or not one runs there: jobs, pictures,
 * boards, settings, accounts and models. The command line works on this beside a running server; SQLite lets several
 * processes write, and the server sees within a second that another one did.
 */

import { join } from 'node:path';
import type { InputRole, Job, QueueState } from '#api/records/job';
import { endStates, type JobState } from '#api/records/job-state';
import { type InfotextReading, readInfotext } from '#pipelines/settings/infotext-reading';
import type { Emit } from './events/bus.ts';
import { inTurns } from './events/next-turn.ts';
import type { FileSystemCalls } from './files/whole-file.ts';
import { Boards } from './gallery/boards.ts';
import { Gallery } from './gallery/gallery.ts';
import type { GalleryEvents, RebuildReport } from './gallery/image.ts';
import { KeptSteps } from './gallery/kept-steps.ts';
import { rebuildGallery } from './gallery/rebuild.ts';
import type { ImageHeader } from './images/codec.ts';
import type { PictureTexts } from './images/picture-texts.ts';
import { Library } from './library/library.ts';
import type { LibraryEvents } from './library/model.ts';
import { ModelTrash } from './library/trash.ts';
import { type Measured, measuredPrompt } from './prompts/measure.ts';
import { PromptFiles } from './prompts/prompt-files.ts';
import type { JobFilter, QueueEvents } from './queue/job.ts';
import { SqliteJobQueue } from './queue/sqlite-queue.ts';
import { hasEnded } from './queue/wait-for-job.ts';
import { withReader } from './reader/host.ts';
import type { LargeBodies, Upload } from './reader/large-bodies.ts';
import type { Asker } from './reader/pool.ts';
import { Settings, type SettingsEvents } from './settings/settings.ts';
import type { Database } from './store/database.ts';
import { type DatasetScan, Datasets } from './training/data/datasets.ts';
import { TrainingRuns } from './training/runs.ts';
import { Users } from './users/users.ts';
import { InputFiles } from './work/inputs.ts';

export type FolderEvents = QueueEvents & GalleryEvents & SettingsEvents & LibraryEvents;

export interface StudioFolderOptions {
  /** Database, inputs, small copies. */
  readonly dataDir: string;
  /** Pictures. */
  readonly outputsDir: string;
  /**
   * Model folders, in A1111's or ComfyUI's layout or plain; the first one is where new models go. The same list for
   * all who look there: it grows when a folder is added.
   */
  readonly modelRoots: string[];
  /** Keeps a folder that was added, for the next start and for other commands. */
  readonly keepModelFolder?: (folder: string) => void;
  /** The model that ships with Darkroom, wherever it lies. */
  readonly embeddedModels?: readonly string[];
  /** How picture files are written; tests let it fail. */
  readonly calls?: FileSystemCalls;
}

export interface CancelOptions {
  /** In the middle of a step, by ending the engine's process. */
  readonly hard?: boolean;
  /** What is half done is decoded and delivered (A1111's interrupt). */
  readonly partial?: boolean;
}

/** Jobs as their owner wants to see them: at work, waiting in their order, and the last that ended. */
export interface Line {
  readonly jobs: readonly Job[];
  readonly queue: QueueState;
  /** Whether further jobs wait. */
  readonly more: boolean;
}

/** In characters. A longer one may change with each step, and is then tokenised many times. */
const shortPrompt = 1000;

/** In characters: as long as those of most pictures. */
const shortInfotext = 4000;

/** Most jobs that one call of the queue returns. */
const pageSize = 1000;

export class StudioFolder {
  readonly outputsDir: string;
  readonly queue: SqliteJobQueue;
  readonly gallery: Gallery;
  readonly boards: Boards;
  readonly settings: Settings;
  readonly users: Users;
  readonly library: Library;
  readonly modelTrash: ModelTrash;
  readonly promptFiles: PromptFiles;
  readonly keptSteps: KeptSteps;
  readonly trainings: TrainingRuns;
  readonly labRuns: TrainingRuns;
  readonly datasets: Datasets;
  protected readonly db: Database;
  protected readonly inputs: InputFiles;
  readonly #emit: Emit<FolderEvents>;

  /** @param onLooked called after each look at the model folders */
  constructor(db: Database, options: StudioFolderOptions, emit: Emit<FolderEvents>, onLooked?: () => void) {
    const { dataDir, outputsDir, calls, modelRoots, embeddedModels } = options;
    this.db = db;
    this.outputsDir = outputsDir;
    this.#emit = emit;
    this.queue = new SqliteJobQueue(db, emit);
    this.gallery = new Gallery({ db, emit, outputs: outputsDir, thumbnails: join(dataDir, 'thumbnails'), calls });
    this.boards = new Boards(db, emit);
    this.settings = new Settings(db, emit);
    this.users = new Users(db);
    this.library = new Library({ db, emit, roots: modelRoots, embeddedModels, onLooked });
    this.modelTrash = new ModelTrash(this.library);
    this.promptFiles = new PromptFiles({ own: dataDir, modelRoots }, async (order) => {
      return await this.inputs.uploads.run('styleSheet', order, undefined, 'style');
    });
    this.keptSteps = new KeptSteps(join(dataDir, 'steps'));
    this.trainings = new TrainingRuns(trainingsFolder(dataDir));
    this.labRuns = new TrainingRuns(labFolder(dataDir));
    this.datasets = new Datasets(join(dataDir, 'datasets'));
    this.inputs = new InputFiles(join(dataDir, 'inputs'));
  }

  /** How long a prompt is. What takes no time is counted here. @throws UserError `prompt.left-alone` */
  async measurePrompt(text: string, known?: readonly string[], asker?: Asker): Promise<Measured> {
    if (text.length <= shortPrompt) return measuredPrompt(text, known);
    return await this.inputs.uploads.run('measurePrompt', { text, known }, asker, 'prompt');
  }

  /** What an infotext says. What takes no time is read here. @throws UserError `infotext.left-alone` */
  async readInfotext(text: string, asker?: Asker): Promise<InfotextReading> {
    if (text.length <= shortInfotext) return readInfotext(text);
    return await this.inputs.uploads.run('infotext', text, asker, 'infotext');
  }

  /** Ends a job. A running one is stopped by the studio that runs it. @throws UserError `job.unknown` */
  async cancel(id: string, { hard = false }: CancelOptions = {}): Promise<Job> {
    return await this.queue.cancel(id, hard);
  }

  /** Holds a job. A running one is stopped by the studio that runs it. @throws UserError `job.state` */
  async pause(id: string): Promise<Job> {
    return await this.queue.hold(id);
  }

  /** Every job that waits or runs. Returns how many. */
  async cancelAll(filter: JobFilter = {}): Promise<number> {
    let count = 0;
    for await (const id of inTurns(await this.queue.ids({ ...filter, states: ['queued', 'paused', 'running'] }))) {
      const job = await this.queue.get(id);
      // Ended, or asked to end, meanwhile.
      if (!job || job.cancelRequested || hasEnded(job)) continue;
      await this.cancel(id);
      count++;
    }
    return count;
  }

  /** Lets every failed job wait again. Returns how many. */
  async retryAll(filter: JobFilter = {}): Promise<number> {
    let count = 0;
    for await (const id of inTurns(await this.queue.ids({ ...filter, states: ['failed'] }))) {
      if ((await this.queue.get(id))?.state !== 'failed') continue;
      await this.queue.retry(id);
      count++;
    }
    return count;
  }

  /** Forgets ended jobs and the pictures they started from; what they made stays. */
  async clear(filter: JobFilter = {}): Promise<number> {
    const removed = await this.queue.clear(filter);
    for (const job of removed) if (job.inputs.length > 0) await this.inputs.remove(job.id);
    return removed.length;
  }

  /** @param limit of the ended ones */
  async line({ states, ...filter }: JobFilter, limit: number): Promise<Line> {
    const wanted = (of: readonly JobState[]) => ({
      ...filter,
      states: of.filter((state) => states === undefined || states.includes(state)),
    });
    const running = await this.queue.list({ ...wanted(['running']), limit: pageSize });
    const waiting = await this.queue.list({ ...wanted(['queued', 'paused']), order: 'next', limit: pageSize });
    const ended = await this.queue.list({ ...wanted(endStates), limit });
    return {
      jobs: [...running.jobs, ...waiting.jobs, ...ended.jobs],
      queue: await this.queue.state(),
      more: waiting.cursor !== undefined,
    };
  }

  /** Bytes of a picture that a job starts from (PNG). @throws UserError `job.input-gone` */
  async input(id: string, role: InputRole): Promise<Uint8Array | undefined> {
    const job = await this.queue.get(id);
    return job?.inputs.includes(role) ? await this.inputs.bytes(id, role) : undefined;
  }

  /** Reads what requests bring that is large. */
  get bodies(): LargeBodies {
    return this.inputs.bodies;
  }

  /** Every text inside a picture that somebody brought. @throws UserError `image.*` */
  async readTexts(picture: Upload, asker?: Asker): Promise<PictureTexts> {
    return await this.inputs.uploads.read('pictureTexts', picture, asker);
  }

  /** Type and size of a picture that somebody brought. @throws UserError `image.*` */
  async readHeader(picture: Upload, asker?: Asker): Promise<ImageHeader> {
    return await this.inputs.uploads.read('header', picture, asker);
  }

  /** Pictures of a dataset with what is to be known of them. @throws UserError `dataset.unknown` */
  async scanDataset(name: string): Promise<DatasetScan> {
    return await withReader('scanPicture', async (read) => await this.datasets.scan(name, read));
  }

  /** Another dataset of changed pictures. @throws UserError `dataset.unknown`, `dataset.exists` */
  async deriveDataset(
    name: string,
    into: string,
    change: Parameters<Datasets['derive']>[2],
    { besides }: { besides?: boolean } = {},
  ): ReturnType<Datasets['derive']> {
    return await withReader('changePicture', async (write) => {
      return await this.datasets.derive(name, into, change, { write, besides });
    });
  }

  /** Makes the gallery's index match the picture files. */
  async rebuild(): Promise<RebuildReport> {
    return await withReader('picture', async (read) => {
      return await rebuildGallery(this.db, this.outputsDir, read, this.#emit);
    });
  }

  /** Ids of jobs or pictures that begin so, at most three. */
  idsBeginning(of: 'jobs' | 'images', beginning: string): string[] {
    const end = `${beginning}\u{10ffff}`;
    const rows = this.db.all<{ id: string }>(`SELECT id FROM ${of} WHERE id >= ? AND id < ? LIMIT 3`, [beginning, end]);
    return rows.map(({ id }) => id);
  }

  /** Ends what reads files. */
  async close(): Promise<void> {
    this.inputs.uploads.dispose();
    this.inputs.bodies.dispose();
    await this.library.close();
  }
}

/** Where the trainings of a studio have their folders. */
export const trainingsFolder = (dataDir: string): string => join(dataDir, 'trainings');
/** The same of the lab's runs. */
export const labFolder = (dataDir: string): string => join(dataDir, 'lab');
