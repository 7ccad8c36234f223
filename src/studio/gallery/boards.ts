/** Boards: named collections of pictures, each user's own. A picture may be on several. */

import type { z } from 'zod';
import { type Board, boardSchema } from '#api/records/picture';
import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import type { Database } from '../store/database.ts';
import { newId } from '../store/id.ts';
import { equals, Table } from '../store/table.ts';
import type { GalleryEvents } from './image.ts';
import { shown } from './search.ts';

/** Without the number of its pictures, which is counted. */
const storedSchema = boardSchema.omit({ images: true });

export class Boards {
  readonly #db: Database;
  readonly #table: Table<typeof storedSchema>;
  readonly #emit: Emit<GalleryEvents>;

  constructor(db: Database, emit: Emit<GalleryEvents>) {
    this.#db = db;
    this.#table = new Table(db, 'boards', storedSchema);
    this.#emit = emit;
  }

  list(user?: string): Board[] {
    return this.#table.all(equals('user', user), 'name COLLATE NOCASE').map((board) => this.#counted(board));
  }

  /** @throws UserError `board.unknown` */
  get(id: string): Board {
    const board = this.#table.get(id);
    if (!board) throw new UserError('board.unknown', `There is no board ${id}.`);
    return this.#counted(board);
  }

  /** By id or name, among those of a user or everybody's. @throws UserError `board.unknown` that lists them */
  find(wanted: string, user?: string): Board {
    const all = this.list(user);
    const name = wanted.trim().toLowerCase();
    const found = all.filter((board) => board.id === wanted || board.name.toLowerCase() === name);
    if (found.length === 1) return found[0]!;
    const known = all.map((board) => `${board.name} (${board.user}, ${board.id})`).join(', ');
    const what = found.length > 1 ? 'Several boards are' : 'No board is';
    throw new UserError(
      'board.unknown',
      `${what} called ${JSON.stringify(wanted)}; give one by its id: ${known || 'none'}.`,
    );
  }

  /** @throws UserError `board.name` when the name is empty, too long or taken */
  create(user: string, name: string): Board {
    const id = newId();
    this.#db.transaction(() => {
      this.#table.insert({ id, user, name: this.#freeName(user, name), createdAt: Date.now() });
    });
    return this.#changed(id);
  }

  rename(id: string, name: string): Board {
    const { user } = this.get(id);
    this.#db.transaction(() => this.#table.update(id, { name: this.#freeName(user, name, id) }));
    return this.#changed(id);
  }

  /** Removes the board; its pictures stay in the gallery. */
  remove(id: string): void {
    const { user } = this.get(id);
    this.#table.delete(equals('id', id)!);
    this.#emit('boards.changed', { user }, { user });
  }

  /** Puts pictures on a board. @throws UserError `image.unknown` and then changes nothing */
  add(id: string, images: readonly string[]): Board {
    this.get(id);
    this.#db.transaction(() => {
      for (const image of images) {
        if (!this.#db.get('SELECT 1 FROM images WHERE id = ?', [image])) {
          throw new UserError('image.unknown', `There is no picture ${image}.`);
        }
        this.#db.run('INSERT OR IGNORE INTO board_images (board, image, added_at) VALUES (?, ?, ?)', [
          id,
          image,
          Date.now(),
        ]);
      }
    });
    return this.#changed(id);
  }

  take(id: string, images: readonly string[]): Board {
    this.get(id);
    this.#db.transaction(() => {
      for (const image of images) this.#db.run('DELETE FROM board_images WHERE board = ? AND image = ?', [id, image]);
    });
    return this.#changed(id);
  }

  #freeName(user: string, name: string, except = ''): string {
    const clean = name.trim();
    if (clean === '' || clean.length > 200) {
      throw new UserError('board.name', `A board's name has 1 to 200 characters, got ${clean.length}.`);
    }
    if (this.#db.get('SELECT 1 FROM boards WHERE user = ? AND name = ? AND id <> ?', [user, clean, except])) {
      throw new UserError('board.name', `There is a board called ${JSON.stringify(clean)} already.`);
    }
    return clean;
  }

  #counted(board: z.output<typeof storedSchema>): Board {
    const { n } = this.#db.get<{ n: number }>(
      `SELECT count(*) AS n FROM board_images JOIN images ON images.id = image WHERE board = ? AND ${shown}`,
      [board.id],
    )!;
    return { ...board, images: n };
  }

  #changed(id: string): Board {
    const board = this.get(id);
    this.#emit('boards.changed', { user: board.user }, { user: board.user });
    return board;
  }
}
