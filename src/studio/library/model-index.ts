/**
 * What is known about the files in the model folders, kept in the database by path, size and time of change, with what
 * people wrote about them. Held in memory once it was read: every request asks, and there may be thousands.
 */

import { z } from 'zod';
import { type ModelCard, type ModelKind, modelCardSchema, modelKinds } from '#api/records/model';
import type { ModelDescription } from '#models/describe';
import type { Database } from '../store/database.ts';
import { dataVersion } from '../store/outside-changes.ts';
import { patiently } from '../store/patience.ts';
import { allOf, type Condition, equals, oneOf, Table } from '../store/table.ts';

/** With the version of what described it; absent from before there was one. */
type StoredDescription = ModelDescription & { readonly version?: number };

/** What stands in a model's side files is no part of it: it is read at each look. */
const storedSchema = z.object({
  id: z.string(),
  path: z.string(),
  root: z.string(),
  kind: z.enum(modelKinds),
  name: z.string(),
  bytes: z.int(),
  modifiedAt: z.int(),
  description: z.custom<StoredDescription>(),
  sha256: z.string().optional(),
  autoV3: z.string().optional(),
  legacyHash: z.string().optional(),
  hashError: z.string().optional(),
  missingAt: z.int().optional(),
  addedAt: z.int(),
});
export type StoredModel = z.output<typeof storedSchema>;

/** What the user wrote about a model. */
const storedCardSchema = z.object({ model: z.string(), card: modelCardSchema });

const present: Condition = { sql: 'missing_at IS NULL', params: [] };
/** For which what is missing is remembered, where it can be read again. */
const rememberedMs = 90 * 86_400_000;

export class ModelIndex {
  readonly #db: Database;
  readonly #table: Table<typeof storedSchema>;
  readonly #cards: Table<typeof storedCardSchema>;
  /** As the database had them at that version, with what was changed here since. */
  #known: { readonly version: number; readonly models: Map<string, StoredModel> } | undefined;

  constructor(db: Database) {
    this.#db = db;
    this.#table = new Table(db, 'models', storedSchema, { columns: { autoV3: 'autov3' } });
    this.#cards = new Table(db, 'model_cards', storedCardSchema, { key: 'model' });
  }

  /** Another one once another process has changed the database; undefined while it cannot be asked. */
  get version(): number | undefined {
    return dataVersion(this.#db);
  }

  /** Those that are missing included. Read anew only after a change by another process. */
  all(): readonly StoredModel[] {
    const version = this.version;
    if (this.#known === undefined || version === undefined || version !== this.#known.version)
      this.#known = { version: version ?? -1, models: new Map(this.#table.all().map((one) => [one.id, one])) };
    return [...this.#known.models.values()];
  }

  present(): StoredModel[] {
    return this.all().filter(({ missingAt }) => missingAt === undefined);
  }

  get(id: string): StoredModel | undefined {
    return this.#table.first(allOf([equals('id', id), present]));
  }

  /** Those of that very name, id or path. */
  called(name: string, kinds: readonly ModelKind[]): StoredModel[] {
    const plain: Condition = { sql: '? IN (name, id, path)', params: [name] };
    return this.#table.all(allOf([plain, oneOf('kind', kinds), present]));
  }

  cards(): ReadonlyMap<string, ModelCard> {
    return new Map(this.#cards.all().map(({ model, card }) => [model, card]));
  }

  cardOf(id: string): ModelCard | undefined {
    return this.#cards.get(id)?.card;
  }

  putCard(id: string, card: ModelCard): void {
    this.#cards.put({ model: id, card });
  }

  async put(model: StoredModel): Promise<void> {
    await patiently(() => this.#table.put(model));
    this.#follow(model.id);
  }

  async update(id: string, change: Partial<StoredModel>): Promise<void> {
    await patiently(() => this.#table.update(id, change));
    this.#follow(id);
  }

  /**
   * Models whose files are gone are kept with their hashes and cards, since a drive may only be unplugged; after a
   * while without what can be read again.
   */
  async miss(models: readonly StoredModel[]): Promise<void> {
    await patiently(() =>
      this.#db.transaction(() => {
        for (const { id } of models) this.#table.update(id, { missingAt: Date.now() });
        // What people wrote is kept for good: a clock that jumped must not take it away.
        this.#table.delete({
          sql: 'missing_at < ? AND id NOT IN (SELECT model FROM model_cards)',
          params: [Date.now() - rememberedMs],
        });
      }),
    );
    this.#known = undefined;
  }

  /** What was changed here is read again, of what is in memory. */
  #follow(id: string): void {
    const stored = this.#table.get(id);
    if (stored) this.#known?.models.set(id, stored);
    else this.#known?.models.delete(id);
  }
}
