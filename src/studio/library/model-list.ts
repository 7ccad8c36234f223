/**
 * Models as the library lists them: what the index knows, what stands in side files, what people wrote. One that has
 * not changed is the same object as before, since every job asks and there may be thousands.
 */

import { basename } from 'node:path';
import type { ModelCard } from '#api/records/model';
import type { ModelDescription } from '#models/describe';
import { findPreview, readCard } from './card.ts';
import type { LibraryModel } from './model.ts';
import type { ModelIndex, StoredModel } from './model-index.ts';

/** What is read from side files at each look; small, so it is kept in memory. */
interface SideFacts {
  readonly card: ModelCard;
  readonly preview: string | undefined;
}

/** A model, and what it was put together from. */
interface MadeModel {
  readonly model: LibraryModel;
  readonly side: SideFacts | undefined;
  readonly own: ModelCard;
}

interface ListParts {
  readonly index: ModelIndex;
  readonly embeddedModels: readonly string[];
  /** A message as everybody may read it. */
  readonly shown: (message: string) => string;
}

const noCard: ModelCard = {};

export class ModelList {
  readonly #parts: ListParts;
  readonly #side = new Map<string, SideFacts>();
  readonly #made = new WeakMap<StoredModel, MadeModel>();
  /** All models in their order, as they were when the database had that version. */
  #listed: { readonly version: number; readonly models: readonly LibraryModel[] } | undefined;

  constructor(parts: ListParts) {
    this.#parts = parts;
  }

  /** Those that are there, the embedded one first, by name. */
  all(): readonly LibraryModel[] {
    const { index } = this.#parts;
    const version = index.version ?? -1;
    if (this.#listed?.version === version && version >= 0) return this.#listed.models;
    const cards = index.cards();
    const models = index
      .present()
      .map((stored) => ({ model: this.#model(stored, cards.get(stored.id)), name: stored.name.toLowerCase() }))
      .sort((a, b) => Number(b.model.embedded) - Number(a.model.embedded) || compare(a.name, b.name))
      .map(({ model }) => model);
    this.#listed = { version, models };
    return models;
  }

  of(stored: StoredModel): LibraryModel {
    return this.#model(stored, this.#parts.index.cardOf(stored.id));
  }

  /** After a change of the index here. */
  changed(): void {
    this.#listed = undefined;
  }

  hasLookedBeside(path: string): boolean {
    return this.#side.has(path);
  }

  previewOf(path: string): string | undefined {
    return this.#side.get(path)?.preview;
  }

  /** @returns whether what stands there is other than before */
  async lookBeside(path: string, description: ModelDescription): Promise<boolean> {
    const side = await readSide(path, description);
    const isOther = JSON.stringify(side) !== JSON.stringify(this.#side.get(path));
    if (!isOther) return false;
    this.#side.set(path, side);
    this.changed();
    return true;
  }

  forgetBeside(path: string): void {
    this.#side.delete(path);
  }

  #model(stored: StoredModel, own: ModelCard = noCard): LibraryModel {
    const side = this.#side.get(stored.path);
    const made = this.#made.get(stored);
    if (made && made.side === side && made.own === own) return made.model;
    const model = this.#make(stored, side, own);
    this.#made.set(stored, { model, side, own });
    return model;
  }

  #make(
    { missingAt: _missing, addedAt: _added, ...stored }: StoredModel,
    side: SideFacts | undefined,
    own: ModelCard,
  ): LibraryModel {
    const { embeddedModels, shown } = this.#parts;
    const { name, path, sha256, description } = stored;
    const shortHash = sha256?.slice(0, 10);
    const folder = name.includes('/') ? `${name.slice(0, name.lastIndexOf('/'))}/` : '';
    const { problem } = description;
    return {
      ...stored,
      description: problem === undefined ? description : { ...description, problem: shown(problem) },
      title: `${folder}${basename(path)}${shortHash === undefined ? '' : ` [${shortHash}]`}`,
      card: { ...side?.card, ...own },
      hasPreview: side?.preview !== undefined || description.hasThumbnail,
      shortHash,
      embedded: embeddedModels.includes(path),
    };
  }
}

/** Side files that cannot be looked at (a name too long for them, a folder not for us) are as good as none. */
async function readSide(path: string, description: ModelDescription): Promise<SideFacts> {
  try {
    return { card: await readCard(path, description), preview: await findPreview(path) };
  } catch {
    return { card: {}, preview: undefined };
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
