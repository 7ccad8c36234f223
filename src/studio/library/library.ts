/**
 * The model library: what lies in the model folders, described from headers, hashed in the background, with cards and
 * previews. Files are never changed, and moved only to the trash (`trash.ts`); what is known about them is kept by
 * path, size and time of change.
 */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ModelCard, type ModelKind, modelCardSchema } from '#api/records/model';
import { UserError } from '#core/errors';
import type { ModelDescription } from '#models/describe';
import { descriptionVersion } from '#models/description-version';
import type { Emit } from '../events/bus.ts';
import { readPlainFile } from '../files/plain-file.ts';
import { ReaderHost } from '../reader/host.ts';
import type { PublishedOrder, TaskResult } from '../reader/tasks.ts';
import type { Database } from '../store/database.ts';
import { namingFilesIn } from './file-names.ts';
import { findCalled, findModel, hasWords, nearestNames } from './find.ts';
import type { ModelHashes } from './hash.ts';
import type { LibraryEvents, LibraryModel, ModelQuery } from './model.ts';
import { ModelIndex, type StoredModel } from './model-index.ts';
import { ModelList } from './model-list.ts';
import { type FoundModel, modelStem, scanModels } from './scan.ts';
import { FolderWatch } from './watch.ts';

export interface LibraryOptions {
  readonly db: Database;
  readonly roots: readonly string[];
  /** The model that ships with Darkroom; listed first when its file is there. */
  readonly embeddedModels?: readonly string[];
  readonly emit: Emit<LibraryEvents>;
  /** Called after each look at the folders. */
  readonly onLooked?: () => void;
}

export interface HashOptions {
  readonly signal?: AbortSignal;
  /** Bytes read and to read. */
  readonly onProgress?: (bytes: number, total: number) => void;
}

export class Library {
  readonly #options: LibraryOptions;
  readonly #index: ModelIndex;
  readonly #list: ModelList;
  readonly #describing = new ReaderHost();
  readonly #hashing = new ReaderHost();
  /** For what somebody waits to see, whatever else is being read. */
  readonly #asked = new ReaderHost();
  /** Small answers of the reader. */
  readonly #read = new Map<string, Promise<unknown>>();
  #watch: FolderWatch | undefined;
  /** Until the folders have been looked at once, what is known of them may lack the very model that is asked for. */
  #firstLook = false;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** A message that names files by their places in the model folders, as everybody may read it. */
  readonly shown: (message: string) => string;

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.shown = namingFilesIn(options.roots);
    const { db, embeddedModels = [] } = options;
    this.#index = new ModelIndex(db);
    this.#list = new ModelList({ index: this.#index, embeddedModels, shown: this.shown });
  }

  get roots(): readonly string[] {
    return this.#options.roots;
  }

  /** Looks at the folders and goes on watching them. Resolves when every file has been described. */
  async start(): Promise<void> {
    this.#watch = new FolderWatch(this.#options.roots, () => void this.refresh().catch(() => {}));
    this.#firstLook = true;
    try {
      await this.refresh();
    } finally {
      this.#firstLook = false;
    }
  }

  /** After a folder has come: looks into it, and watches it as the others. */
  async follow(): Promise<void> {
    await this.refresh();
    await this.#watch?.follow();
  }

  /** Looks at the folders now. Several calls at once share one look. */
  async refresh(): Promise<void> {
    if (this.#closed) return;
    if (this.#refreshing) {
      this.#again = true;
      return await this.#refreshing;
    }
    this.#refreshing = this.#lookUntilQuiet().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  list(query: ModelQuery = {}): LibraryModel[] {
    const words = (query.text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    return this.#list
      .all()
      .filter((model) => query.kind === undefined || model.kind === query.kind)
      .filter((model) => query.family === undefined || model.description.family === query.family)
      .filter((model) => words.length === 0 || hasWords(model, words));
  }

  /** @throws UserError `model.unknown` */
  get(id: string): LibraryModel {
    const stored = this.#index.get(id);
    if (!stored) throw new UserError('model.unknown', `There is no model ${id}.`);
    return this.#list.of(stored);
  }

  /**
   * By id, name, title, file name or hash; once the folders have been looked at, by a part of the title too.
   * @param warnings takes a word when what was found may not be what was meant
   * @throws UserError `model.unknown` that lists the nearest names
   */
  find(wanted: string, kinds: readonly ModelKind[], warnings: string[] = []): LibraryModel {
    const byPart: typeof findModel = (models, name) => findModel(models, name, (warning) => warnings.push(warning));
    return this.#found(wanted, kinds, this.#firstLook ? findCalled : byPart);
  }

  /** As `find`, but never by a part of the title: what was found once must not become another model. */
  named(wanted: string, kinds: readonly ModelKind[]): LibraryModel {
    return this.#found(wanted, kinds, findCalled);
  }

  #found(wanted: string, kinds: readonly ModelKind[], findIn: typeof findModel): LibraryModel {
    const named = this.#index.called(wanted, kinds);
    // Every job asks; only a name that is not plain needs all models read.
    if (named.length === 1) return this.#list.of(named[0]!);
    const models = this.list().filter((model) => kinds.includes(model.kind));
    const found = findIn(models, wanted);
    if (found) return found;
    const nearest = nearestNames(models, wanted);
    const hint = nearest.length === 0 ? 'There are none yet.' : `The nearest are: ${nearest.join(', ')}.`;
    const looking = this.#firstLook ? ' The model folders are still being looked through.' : '';
    const other = findCalled(this.list(), wanted);
    const is = other ? `${other.name} is ${other.description.title}. ` : '';
    throw new UserError(
      'model.unknown',
      `There is no ${kinds[0]} called ${JSON.stringify(wanted.slice(0, 200))}. ${is}${hint}${looking}`,
    );
  }

  /**
   * Reads what lies beside a model, or the embedded one for an empty name, where the first look has not come to it yet:
   * what a request leaves open follows from its card.
   */
  async readCardOf(wanted: string, kinds: readonly ModelKind[]): Promise<void> {
    if (!this.#firstLook) return;
    const find = () =>
      wanted === ''
        ? this.list().find(({ embedded }) => embedded)
        : findCalled(
            this.list().filter(({ kind }) => kinds.includes(kind)),
            wanted,
          );
    if (wanted === '' && !find()) await this.#noteEmbedded();
    const model = find();
    if (model && !this.#list.hasLookedBeside(model.path)) await this.#list.lookBeside(model.path, model.description);
  }

  /** Models with this sha256 (whole, or its first digits) or AutoV3, or of which their trainer wrote so. */
  byHash(hash: string): LibraryModel[] {
    const wanted = hash.toLowerCase();
    if (!/^[0-9a-f]{8,64}$/.test(wanted)) return [];
    return this.list().filter(
      ({ sha256, autoV3, legacyHash, description: { metadata } }) =>
        sha256?.startsWith(wanted) ||
        (autoV3 !== undefined && sameStart(autoV3, wanted)) ||
        legacyHash === wanted ||
        metadata.sshs_model_hash?.startsWith(wanted),
    );
  }

  /** What the user writes about a model; fields replace those from its side files. @throws UserError `model.card` */
  setCard(id: string, card: ModelCard): LibraryModel {
    this.get(id);
    const result = modelCardSchema.safeParse(card);
    if (!result.success) {
      const issue = result.error.issues[0]!;
      throw new UserError('model.card', `${issue.path.join('.')}: ${issue.message}.`);
    }
    this.#index.putCard(id, result.data);
    this.#list.changed();
    this.#options.emit('library.changed', { added: 0, removed: 0, changed: 1 });
    return this.get(id);
  }

  /** Bytes of the picture that shows what the model does; undefined when it has none. */
  async preview(id: string): Promise<Uint8Array | undefined> {
    const { path, description } = this.get(id);
    const file = this.#list.previewOf(path);
    if (file !== undefined) return await readPlainFile(file);
    if (!description.hasThumbnail) return undefined;
    return await this.#asked.read('thumbnail', path);
  }

  /** Everything the file says about itself, long values included. */
  async metadata(id: string): Promise<Readonly<Record<string, string>>> {
    return await this.#asked.read('metadata', this.get(id).path);
  }

  /** Sizes and settings that a checkpoint takes, from its header. */
  async limits(id: string): Promise<TaskResult<'limits'>> {
    const { path, bytes, modifiedAt } = this.get(id);
    return await this.#once(`${bytes} ${modifiedAt} ${path}`, () => this.#asked.read('limits', path));
  }

  /** What a family's published model takes. */
  async published(order: PublishedOrder): Promise<TaskResult<'published'>> {
    return await this.#once(JSON.stringify(order), () => this.#asked.read('published', order));
  }

  /** What stays the same is asked of the reader once, while it is read too. */
  async #once<T>(key: string, read: () => Promise<T>): Promise<T> {
    const reading = (this.#read.get(key) as Promise<T> | undefined) ?? read();
    this.#read.set(key, reading);
    try {
      return await reading;
    } catch (error) {
      this.#read.delete(key);
      throw error;
    }
  }

  /** What a file or diffusers folder is, wherever it lies; read in a process of its own. Never throws for a bad file. */
  async describe(path: string, reader = this.#describing): Promise<ModelDescription> {
    try {
      return await reader.read('describe', path);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const nothing = { parts: [], parameters: 0, metadata: {}, trainedTags: [], hasThumbnail: false };
      return { kind: 'unknown', title: 'a file that cannot be read', ...nothing, problem };
    }
  }

  /** The hashes of one model, computed now if they are not known. */
  async hash(id: string, options: HashOptions = {}): Promise<LibraryModel> {
    const model = this.get(id);
    if (model.sha256 === undefined) await this.#hash(model, options);
    return this.get(id);
  }

  /** Models whose hashes are not known and can be, smallest first. */
  unhashed(): LibraryModel[] {
    const unknown = this.#list.all().filter(({ sha256, hashError }) => sha256 === undefined && hashError === undefined);
    return unknown.sort((a, b) => a.bytes - b.bytes);
  }

  /** What is being read is given up; nothing is written afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.close();
    this.#describing.dispose();
    this.#hashing.dispose();
    this.#asked.dispose();
    await this.#refreshing?.catch(() => {});
  }

  async #lookUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      await this.#look();
    } while (this.#again && !this.#closed);
    if (!this.#closed) this.#options.onLooked?.();
  }

  async #look(): Promise<void> {
    await this.#watch?.follow();
    const found = await this.#findAll();
    if (this.#closed) return;
    const known = new Map(this.#index.all().map((stored) => [stored.path, stored]));
    const seen = new Set(found.map((model) => model.path));
    const gone = await this.#forget([...known.values()].filter((row) => !seen.has(row.path)));
    let added = 0;
    let changed = 0;
    for (const [done, model] of found.entries()) {
      if (this.#closed) return;
      const row = known.get(model.path);
      const fresh = !row || row.bytes !== model.bytes || row.modifiedAt !== model.modifiedAt;
      if (fresh)
        this.#options.emit('library.scanning', { done, total: found.length, finished: false }, { keep: false });
      const old = !fresh && row.description.version !== descriptionVersion;
      const description = fresh || old ? await this.describe(model.path) : row.description;
      if (this.#closed) return;
      if (fresh) await this.#note(model, description, row?.id);
      else if (old) await this.#update(row.id, { ...describedAs(model, description), missingAt: undefined });
      else if (row.missingAt !== undefined) await this.#update(row.id, { missingAt: undefined });
      const isOther = await this.#list.lookBeside(model.path, description);
      if (old || (!fresh && isOther)) changed++;
      if (!row) added++;
      else if (fresh) changed++;
    }
    this.#options.emit(
      'library.scanning',
      { done: found.length, total: found.length, finished: true },
      { keep: false },
    );
    if (added + changed + gone > 0) this.#options.emit('library.changed', { added, removed: gone, changed });
  }

  async #findAll(): Promise<FoundModel[]> {
    const found = await scanModels(this.#options.roots);
    return [...(await this.#embeddedFiles(new Set(found.map(({ path }) => path)))), ...found];
  }

  /** Those that come with Darkroom, before the first look of all comes to them. */
  async #noteEmbedded(): Promise<void> {
    for (const model of await this.#embeddedFiles(new Set())) {
      const description = await this.describe(model.path, this.#asked);
      if (this.#closed) return;
      await this.#note(model, description, undefined);
    }
  }

  /** @param known paths that are found elsewhere */
  async #embeddedFiles(known: ReadonlySet<string>): Promise<FoundModel[]> {
    const own: FoundModel[] = [];
    for (const path of this.#options.embeddedModels ?? []) {
      const stats = known.has(path) ? undefined : await stat(path).catch(() => undefined);
      if (!stats) continue;
      const modifiedAt = Math.trunc(stats.mtimeMs);
      own.push({ path, root: dirname(path), kind: undefined, name: modelStem(path), bytes: stats.size, modifiedAt });
    }
    return own;
  }

  async #note(model: FoundModel, description: ModelDescription, knownId: string | undefined): Promise<void> {
    const id = knownId ?? createHash('sha256').update(model.path).digest('hex').slice(0, 16);
    const { path, root, name, bytes, modifiedAt } = model;
    const facts = { path, root, name, bytes, modifiedAt, ...describedAs(model, description) };
    await this.#index.put({ id, ...facts, addedAt: Date.now() });
    this.#list.changed();
  }

  /** @returns how many are newly gone */
  async #forget(gone: readonly StoredModel[]): Promise<number> {
    const newly = gone.filter(({ missingAt }) => missingAt === undefined);
    await this.#index.miss(newly);
    for (const { path } of newly) this.#list.forgetBeside(path);
    this.#list.changed();
    return newly.length;
  }

  async #hash({ id, name, path, bytes, modifiedAt }: LibraryModel, options: HashOptions): Promise<void> {
    const { signal, onProgress } = options;
    const remaining = this.unhashed().length;
    const tell = (done: number): void => {
      onProgress?.(done, bytes);
      this.#options.emit('library.hashing', { id, name, bytes: done, total: bytes, remaining }, { keep: false });
    };
    tell(0);
    let hashes: ModelHashes;
    try {
      if ((await stat(path)).isDirectory()) throw new Error('a folder of parts has no hash of its own');
      hashes = await this.#hashing.read('hash', path, { signal, onProgress: tell, silenceMs: 120_000 });
    } catch (error) {
      if (this.#closed || signal?.aborted) return;
      const hashError = this.shown(error instanceof Error ? error.message : String(error));
      await this.#update(id, { hashError });
      return;
    }
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    // One that changed meanwhile is noted anew by the next look.
    if (this.#closed || Math.trunc(mtimeMs) !== modifiedAt) return;
    const { sha256, autoV3, legacy: legacyHash } = hashes;
    await this.#update(id, { sha256, autoV3, legacyHash });
    tell(bytes);
    this.#options.emit('library.changed', { added: 0, removed: 0, changed: 1 });
  }

  async #update(id: string, change: Partial<StoredModel>): Promise<void> {
    await this.#index.update(id, change);
    this.#list.changed();
  }
}

/** The header counts where it says anything; the folder only where it does not. */
function kindOf(model: FoundModel, description: ModelDescription): ModelKind {
  return description.kind === 'unknown' ? (model.kind ?? 'unknown') : description.kind;
}

function describedAs(model: FoundModel, description: ModelDescription): Pick<StoredModel, 'kind' | 'description'> {
  return { kind: kindOf(model, description), description: { ...description, version: descriptionVersion } };
}

/** Of two hashes one is often written short. */
function sameStart(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}
