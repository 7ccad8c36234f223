/** Boards: named collections of pictures, each user's own. A picture may be on several. */

import { type Board, boardSchema } from '#api/records/picture';
import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import type { Database } from '../store/database.ts';
import { newId } from '../store/id.ts';
import { KeptAnswers } from '../store/kept-answers.ts';
import { equals, Table } from '../store/table.ts';
import type { GalleryEvents } from './image.ts';
import { shown } from './search.ts';

/** Without the number of its pictures, which is counted. */
const storedSchema = boardSchema.omit({ images: true });

/** Of one account. */
const mostBoards = 2000;
/** Told where there is none of a name. */
const mostTold = 20;

/** Pictures of a board are counted on another thread: there may be a hundred thousand. */
const counted = `SELECT id, user, name, created_at AS createdAt, (
    SELECT count(*) FROM board_images JOIN images ON images.id = image WHERE board = boards.id AND ${shown}
  ) AS images FROM boards`;

export class Boards {
  readonly #db: Database;
  readonly #table: Table<typeof storedSchema>;
  readonly #answers: KeptAnswers;
  readonly #emit: Emit<GalleryEvents>;

  constructor(db: Database, emit: Emit<GalleryEvents>) {
    this.#db = db;
    this.#table = new Table(db, 'boards', storedSchema);
    this.#answers = new KeptAnswers(db);
    this.#emit = emit;
  }

  async list(user?: string): Promise<readonly Board[]> {
    return await this.#answers.all<Board>(`${counted} WHERE ?1 IS NULL OR user = ?1 ORDER BY name COLLATE NOCASE`, [
      user,
    ]);
  }

  /** @throws UserError `board.unknown` */
  async get(id: string): Promise<Board> {
    const [board] = await this.#answers.all<Board>(`${counted} WHERE id = ?`, [id]);
    if (!board) throw unknownBoard(id);
    return board;
  }

  /** Whose it is. @throws UserError `board.unknown` */
  ownerOf(id: string): string {
    const board = this.#table.get(id);
    if (!board) throw unknownBoard(id);
    return board.user;
  }

  /** The id of one by its id or name, among those of a user or everybody's. @throws UserError `board.unknown` that lists them */
  find(wanted: string, user?: string): string {
    const all = this.#table.all(equals('user', user), 'name COLLATE NOCASE');
    const name = wanted.trim().toLowerCase();
    const found = all.filter((board) => board.id === wanted || board.name.toLowerCase() === name);
    if (found.length === 1) return found[0]!.id;
    const told = (found.length > 1 ? found : all).slice(0, mostTold);
    const known = told.map((board) => `${board.name} (${board.user}, ${board.id})`).join(', ');
    const what = found.length > 1 ? 'Several boards are' : 'No board is';
    throw new UserError(
      'board.unknown',
      `${what} called ${JSON.stringify(wanted.slice(0, 200))}; give one by its id: ${known || 'none'}.`,
    );
  }

  /** @throws UserError `board.name` when the name is empty, too long or taken, `board.too-many` */
  async create(user: string, name: string): Promise<Board> {
    const id = newId();
    this.#db.transaction(() => {
      const free = this.#freeName(user, name);
      if (this.#table.count(equals('user', user)) >= mostBoards) throw tooManyBoards();
      this.#table.insert({ id, user, name: free, createdAt: Date.now() });
    });
    return await this.#changed(id, user);
  }

  async rename(id: string, name: string): Promise<Board> {
    const user = this.ownerOf(id);
    this.#db.transaction(() => this.#table.update(id, { name: this.#freeName(user, name, id) }));
    return await this.#changed(id, user);
  }

  /** Removes the board; its pictures stay in the gallery. */
  remove(id: string): void {
    const user = this.ownerOf(id);
    this.#table.delete(equals('id', id)!);
    this.#emit('boards.changed', { user }, { user });
  }

  /** Puts pictures on a board. @throws UserError `image.unknown` and then changes nothing */
  async add(id: string, images: readonly string[]): Promise<Board> {
    const user = this.ownerOf(id);
    const given = JSON.stringify(images);
    this.#db.transaction(() => {
      const [unknown] = this.#db.all<{ id: string }>(
        'SELECT value AS id FROM json_each(?) WHERE value NOT IN (SELECT id FROM images) LIMIT 1',
        [given],
      );
      if (unknown) throw new UserError('image.unknown', `There is no picture ${unknown.id}.`);
      this.#db.run('INSERT OR IGNORE INTO board_images (board, image, added_at) SELECT ?, value, ? FROM json_each(?)', [
        id,
        Date.now(),
        given,
      ]);
    });
    return await this.#changed(id, user);
  }

  async take(id: string, images: readonly string[]): Promise<Board> {
    const user = this.ownerOf(id);
    this.#db.run('DELETE FROM board_images WHERE board = ? AND image IN (SELECT value FROM json_each(?))', [
      id,
      JSON.stringify(images),
    ]);
    return await this.#changed(id, user);
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

  async #changed(id: string, user: string): Promise<Board> {
    this.#emit('boards.changed', { user }, { user });
    return await this.get(id);
  }
}

function unknownBoard(id: string): UserError {
  return new UserError('board.unknown', `There is no board ${id}.`);
}

function tooManyBoards(): UserError {
  return new UserError('board.too-many', `An account has ${mostBoards} boards at most; remove one first.`);
}
