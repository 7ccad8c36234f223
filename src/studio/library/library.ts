/**
 * The model library: what lies in the model folders, described from headers, hashed in the background, with cards and
 * previews. Files are never changed, and moved only to the trash (`trash.ts`); what is known about them is kept by
 * path, size and time of change.
 */

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import type { Database } from '../store/database.ts';
import { findPreview, type ModelCard, modelCardSchema, readCard } from './card.ts';
import type { ModelDescription } from './describe.ts';
import { findModel, nearestNames } from './find.ts';
import type { ModelHashes } from './hash.ts';
import type { ModelKind } from './layout.ts';
import type { LibraryEvents, LibraryModel, ModelQuery } from './model.ts';
import { ReaderHost } from './reader-host.ts';
import { type FoundModel, modelStem, scanModels } from './scan.ts';
import { FolderWatch } from './watch.ts';

export interface LibraryOptions {
  readonly db: Database;
  readonly roots: readonly string[];
  /** The model that ships with Darkroom; listed first when its file is there. */
  readonly embeddedModel?: string;
  readonly emit: Emit<LibraryEvents>;
  /** Default true. */
  readonly hashInBackground?: boolean;
}

interface ModelRow {
  id: string;
  path: string;
  root: string;
  kind: ModelKind;
  name: string;
  bytes: number;
  modified_at: number;
  description: string;
  sha256: string | null;
  autov3: string | null;
  legacy_hash: string | null;
  hash_error: string | null;
  /** What the user wrote about it, as JSON. */
  card: string | null;
}

const selectModels = 'SELECT models.*, card FROM models LEFT JOIN model_cards ON model_cards.model = models.id';

/** What is read from side files at each look; small, so it is kept in memory. */
interface SideFacts {
  readonly card: ModelCard;
  readonly preview: string | undefined;
}

export class Library {
  readonly #options: LibraryOptions;
  readonly #db: Database;
  readonly #describing = new ReaderHost();
  readonly #hashing = new ReaderHost();
  readonly #side = new Map<string, SideFacts>();
  #watch: FolderWatch | undefined;
  #refreshing: Promise<void> | undefined;
  #hashLoop: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.#db = options.db;
  }

  get roots(): readonly string[] {
    return this.#options.roots;
  }

  /** Looks at the folders and goes on watching them. Resolves when every file has been described. */
  async start(): Promise<void> {
    this.#watch = new FolderWatch(this.#options.roots, () => void this.refresh().catch(() => {}));
    await this.refresh();
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
    const models = this.#db.all<ModelRow>(`${selectModels} WHERE missing_at IS NULL`).map((row) => this.#model(row));
    const words = (query.text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    return models
      .filter((model) => query.kind === undefined || model.kind === query.kind)
      .filter((model) => query.family === undefined || model.description.family === query.family)
      .filter((model) => words.every((word) => searchable(model).includes(word)))
      .sort((a, b) => Number(b.embedded) - Number(a.embedded) || compare(a.name.toLowerCase(), b.name.toLowerCase()));
  }

  /** @throws UserError `model.unknown` */
  get(id: string): LibraryModel {
    const row = this.#db.get<ModelRow>(`${selectModels} WHERE id = ? AND missing_at IS NULL`, [id]);
    if (!row) throw new UserError('model.unknown', `There is no model ${id}.`);
    return this.#model(row);
  }

  /** By id, name, title, file name or hash. @throws UserError `model.unknown` that lists the nearest names */
  find(wanted: string, kinds: readonly ModelKind[]): LibraryModel {
    const named = this.#db
      .all<ModelRow>(`${selectModels} WHERE (name = ?1 OR id = ?1 OR path = ?1) AND missing_at IS NULL`, [wanted])
      .filter((row) => kinds.includes(row.kind));
    // Every job asks; only a name that is not plain needs all models read.
    if (named.length === 1) return this.#model(named[0]!);
    const models = this.list().filter((model) => kinds.includes(model.kind));
    const found = findModel(models, wanted);
    if (found) return found;
    const nearest = nearestNames(models, wanted);
    const hint = nearest.length === 0 ? 'There are none yet.' : `The nearest are: ${nearest.join(', ')}.`;
    throw new UserError(
      'model.unknown',
      `There is no ${kinds[0]} called ${JSON.stringify(wanted.slice(0, 200))}. ${hint}`,
    );
  }

  /** Models with this sha256 (whole, or its first ten digits or more) or AutoV3. */
  byHash(hash: string): LibraryModel[] {
    const wanted = hash.toLowerCase();
    if (!/^[0-9a-f]{8,64}$/.test(wanted)) return [];
    return this.list().filter(
      (model) => model.sha256?.startsWith(wanted) || model.autoV3 === wanted || model.legacyHash === wanted,
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
    this.#db.run('INSERT INTO model_cards (model, card) VALUES (?1, ?2) ON CONFLICT (model) DO UPDATE SET card = ?2', [
      id,
      JSON.stringify(result.data),
    ]);
    this.#options.emit('library.changed', { added: 0, removed: 0, changed: 1 });
    return this.get(id);
  }

  /** Bytes of the picture that shows what the model does; undefined when it has none. */
  async preview(id: string): Promise<Uint8Array | undefined> {
    const { path, description } = this.get(id);
    const file = this.#side.get(path)?.preview;
    if (file !== undefined) return await readFile(file);
    if (!description.hasThumbnail) return undefined;
    const { readThumbnail } = await import('./describe.ts');
    return await readThumbnail(path);
  }

  /** Everything the file says about itself, long values included. */
  async metadata(id: string): Promise<Readonly<Record<string, string>>> {
    const { readMetadata } = await import('./describe.ts');
    return await readMetadata(this.get(id).path);
  }

  /** What a file or diffusers folder is, wherever it lies; read in a process of its own. Never throws for a bad file. */
  async describe(path: string): Promise<ModelDescription> {
    try {
      return await this.#describing.describe(path);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const nothing = { parts: [], parameters: 0, metadata: {}, trainedTags: [], hasThumbnail: false };
      return { kind: 'unknown', title: 'a file that cannot be read', ...nothing, problem };
    }
  }

  /** The hashes of one model, computed now if they are not known. */
  async hash(id: string): Promise<LibraryModel> {
    const model = this.get(id);
    if (model.sha256 === undefined) await this.#hashOne(model, 1);
    return this.get(id);
  }

  /** Resolves when nothing waits to be hashed. */
  async whenHashed(): Promise<void> {
    await this.#hashLoop;
  }

  /** What is being read is given up; nothing is written afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.close();
    this.#describing.dispose();
    this.#hashing.dispose();
    await this.#refreshing?.catch(() => {});
    await this.#hashLoop;
  }

  async #lookUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      await this.#look();
    } while (this.#again && !this.#closed);
    if (this.#options.hashInBackground !== false && !this.#closed) this.#hashLoop ??= this.#hashAll();
  }

  async #look(): Promise<void> {
    await this.#watch?.follow();
    const found = await this.#findAll();
    if (this.#closed) return;
    const known = new Map(this.#db.all<ModelRow>(selectModels).map((row) => [row.path, row]));
    const seen = new Set(found.map((model) => model.path));
    const gone = this.#forget([...known.values()].filter((row) => !seen.has(row.path)));
    let added = 0;
    let changed = 0;
    for (const [done, model] of found.entries()) {
      if (this.#closed) return;
      const row = known.get(model.path);
      const fresh = !row || row.bytes !== model.bytes || row.modified_at !== model.modifiedAt;
      if (fresh)
        this.#options.emit('library.scanning', { done, total: found.length, finished: false }, { keep: false });
      const description = fresh ? await this.describe(model.path) : (JSON.parse(row.description) as ModelDescription);
      if (this.#closed) return;
      if (fresh) this.#note(model, description, row?.id);
      else if (this.#isMissing(row)) this.#db.run('UPDATE models SET missing_at = NULL WHERE id = ?', [row.id]);
      const side = { card: await readCard(model.path, description), preview: await findPreview(model.path) };
      if (!fresh && JSON.stringify(side) !== JSON.stringify(this.#side.get(model.path))) changed++;
      this.#side.set(model.path, side);
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
    const { embeddedModel } = this.#options;
    if (embeddedModel === undefined || found.some((model) => model.path === embeddedModel)) return found;
    try {
      const { size, mtimeMs } = await stat(embeddedModel);
      const name = modelStem(embeddedModel);
      const root = dirname(embeddedModel);
      const modifiedAt = Math.trunc(mtimeMs);
      return [{ path: embeddedModel, root, kind: 'checkpoint', name, bytes: size, modifiedAt }, ...found];
    } catch {
      return found;
    }
  }

  #note(model: FoundModel, description: ModelDescription, knownId: string | undefined): void {
    const id = knownId ?? createHash('sha256').update(model.path).digest('hex').slice(0, 16);
    this.#db.run(
      `INSERT INTO models (id, path, root, kind, name, bytes, modified_at, description, added_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
       ON CONFLICT (id) DO UPDATE SET root = ?3, kind = ?4, name = ?5, bytes = ?6, modified_at = ?7, description = ?8,
         sha256 = NULL, autov3 = NULL, legacy_hash = NULL, hash_error = NULL, missing_at = NULL`,
      [
        id,
        model.path,
        model.root,
        kindOf(model, description),
        model.name,
        model.bytes,
        model.modifiedAt,
        JSON.stringify(description),
        Date.now(),
      ],
    );
  }

  /** Kept for a while with their hashes and cards: a drive may only be unplugged. Returns how many are newly gone. */
  #forget(rows: readonly ModelRow[]): number {
    let gone = 0;
    this.#db.transaction(() => {
      for (const row of rows) {
        gone += this.#db.run('UPDATE models SET missing_at = ? WHERE id = ? AND missing_at IS NULL', [
          Date.now(),
          row.id,
        ]);
        this.#side.delete(row.path);
      }
      this.#db.run('DELETE FROM models WHERE missing_at < ?', [Date.now() - 90 * 86_400_000]);
    });
    return gone;
  }

  #isMissing(row: ModelRow): boolean {
    return this.#db.get('SELECT 1 FROM models WHERE id = ? AND missing_at IS NOT NULL', [row.id]) !== undefined;
  }

  async #hashAll(): Promise<void> {
    try {
      while (!this.#closed) {
        const rows = this.#db.all<ModelRow>(
          `${selectModels} WHERE sha256 IS NULL AND hash_error IS NULL AND missing_at IS NULL ORDER BY bytes`,
        );
        if (rows.length === 0) break;
        // One that changed meanwhile is noted anew by the next look, which comes back here.
        if (!(await this.#hashOne(this.#model(rows[0]!), rows.length))) break;
      }
    } catch {
      // The database is closed, or the disk is full: the next look tries again.
    } finally {
      this.#hashLoop = undefined;
    }
  }

  /** False when the file changed while it was read. */
  async #hashOne(model: LibraryModel, remaining: number): Promise<boolean> {
    const { id, name, path, bytes: total } = model;
    const tell = (bytes: number) =>
      this.#options.emit('library.hashing', { id, name, bytes, total, remaining }, { keep: false });
    tell(0);
    let hashes: ModelHashes;
    try {
      if ((await stat(path)).isDirectory()) throw new Error('a folder of parts has no hash of its own');
      hashes = await this.#hashing.hash(path, tell);
    } catch (error) {
      if (this.#closed) return false;
      const message = error instanceof Error ? error.message : String(error);
      this.#db.run('UPDATE models SET hash_error = ? WHERE id = ?', [message, id]);
      return true;
    }
    if (this.#closed) return false;
    const { sha256, autoV3, legacy } = hashes;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    if (Math.trunc(mtimeMs) !== model.modifiedAt) return false;
    this.#db.run('UPDATE models SET sha256 = ?, autov3 = ?, legacy_hash = ? WHERE id = ?', [
      sha256,
      autoV3,
      legacy,
      id,
    ]);
    tell(total);
    this.#options.emit('library.changed', { added: 0, removed: 0, changed: 1 });
    return true;
  }

  #model(row: ModelRow): LibraryModel {
    const description = JSON.parse(row.description) as ModelDescription;
    const side = this.#side.get(row.path);
    const hash = row.sha256 === null ? '' : ` [${row.sha256.slice(0, 10)}]`;
    const folder = row.name.includes('/') ? `${row.name.slice(0, row.name.lastIndexOf('/'))}/` : '';
    return {
      id: row.id,
      kind: row.kind,
      name: row.name,
      title: `${folder}${basename(row.path)}${hash}`,
      path: row.path,
      root: row.root,
      bytes: row.bytes,
      modifiedAt: row.modified_at,
      description,
      card: { ...side?.card, ...(row.card === null ? {} : (JSON.parse(row.card) as ModelCard)) },
      hasPreview: side?.preview !== undefined || description.hasThumbnail,
      ...(row.sha256 === null ? {} : { sha256: row.sha256, shortHash: row.sha256.slice(0, 10) }),
      ...(row.autov3 === null ? {} : { autoV3: row.autov3 }),
      ...(row.legacy_hash === null ? {} : { legacyHash: row.legacy_hash }),
      ...(row.hash_error === null ? {} : { hashError: row.hash_error }),
      embedded: row.path === this.#options.embeddedModel,
    };
  }
}

/** The header counts where it says anything; the folder only where it does not. */
function kindOf(model: FoundModel, description: ModelDescription): ModelKind {
  return description.kind === 'unknown' ? (model.kind ?? 'unknown') : description.kind;
}

function searchable(model: LibraryModel): string {
  const { card } = model;
  const words = [model.title, card.description, card.baseModel, ...(card.triggerWords ?? []), ...(card.tags ?? [])];
  return words.filter(Boolean).join(' ').toLowerCase();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
