/** What is known about the picture files, kept in the database; the gallery and its rebuild write it. */

import { type IndexedPicture, indexedPictureSchema } from '#api/records/picture';
import { inTurns, nextTurn } from '../events/next-turn.ts';
import type { Database } from '../store/database.ts';
import { newId } from '../store/id.ts';
import { KeptAnswers } from '../store/kept-answers.ts';
import { allOf, type Condition, equals, Table } from '../store/table.ts';
import type { GalleryImage, ImagePage, ImageQuery } from './image.ts';
import { orders, shown, whereImages } from './search.ts';

export type PictureFacts = Omit<IndexedPicture, 'id' | 'rating'>;

const somePlaces = 500;
/** Whose tags and boards are looked up in one turn of the event loop. */
const somePictures = 100;

export type PicturePlace = Pick<IndexedPicture, 'id' | 'path' | 'awayAt' | 'job' | 'index'>;

interface PlaceRow {
  readonly place: number;
  readonly id: string;
  readonly path: string;
  readonly awayAt: number | null;
  readonly job: string | null;
  readonly jobIndex: number | null;
}

export class PictureIndex {
  readonly #db: Database;
  readonly #table: Table<typeof indexedPictureSchema>;
  /** Long pages are counted once after each change, by whomever, not anew for each of them. */
  readonly #answers: KeptAnswers;

  constructor(db: Database) {
    this.#db = db;
    this.#answers = new KeptAnswers(db);
    this.#table = new Table(db, 'images', indexedPictureSchema, { columns: { index: 'job_index' } });
  }

  /** @returns the picture; a file that is known already (a rebuild came first) keeps its id and what was said of it */
  add(facts: PictureFacts): GalleryImage {
    const known = this.#table.first(equals('path', facts.path)!);
    if (known) {
      this.#table.update(known.id, facts);
      return this.#withMarks([{ ...known, ...facts }])[0]!;
    }
    const id = newId(facts.createdAt);
    const picture = { ...facts, id, rating: 0 };
    this.#table.insert(picture);
    return { ...picture, tags: [], boards: [] };
  }

  update(id: string, change: Partial<IndexedPicture>): void {
    this.#table.update(id, change);
  }

  remove(id: string): void {
    this.#table.delete(equals('id', id)!);
  }

  get(id: string): GalleryImage | undefined {
    const found = this.#table.get(id);
    return found && this.#withMarks([found])[0];
  }

  at(job: string, index: number): GalleryImage | undefined {
    const found = this.#table.first(allOf([equals('job', job), equals('job_index', index)]));
    return found && this.#withMarks([found])[0];
  }

  /** Those of a job that are in the gallery, however many, by their place. */
  async ofJob(job: string): Promise<GalleryImage[]> {
    const where = whereImages({ job });
    const ids = this.#db
      .all<{ id: string }>(`SELECT id FROM images WHERE ${where.sql} ORDER BY job_index, created_at, id`, where.params)
      .map(({ id }) => id);
    const images: GalleryImage[] = [];
    await nextTurn();
    for await (const id of inTurns(ids)) {
      const image = this.get(id);
      if (image) images.push(image);
    }
    return images;
  }

  /** Places of a job's pictures that are known, the trash and those away included. */
  placesOf(job: string): ReadonlySet<number> {
    const rows = this.#db.all<{ place: number }>('SELECT job_index AS place FROM images WHERE job = ?', [job]);
    return new Set(rows.map(({ place }) => place));
  }

  /** Of a user's files, those in the trash and those away included. */
  bytesOf(user: string): number {
    return this.#db.get<{ sum: number }>('SELECT total(bytes) AS sum FROM images WHERE user = ?', [user])!.sum;
  }

  all(where?: Condition): IndexedPicture[] {
    return this.#table.all(where);
  }

  /** Where each should be, in no order, some at a time: a gallery may have a hundred thousand, and their prompts be long. */
  async *places(where: Condition = { sql: 'TRUE', params: [] }): AsyncGenerator<PicturePlace> {
    const sql = `SELECT rowid AS place, id, path, away_at AS awayAt, job, job_index AS jobIndex FROM images
      WHERE rowid > ? AND ${where.sql} ORDER BY rowid LIMIT ${somePlaces}`;
    for (let last = 0; ; ) {
      const rows = await this.#db.allElsewhere<PlaceRow>(sql, [last, ...where.params]);
      for (const { place, id, path, ...rest } of rows) {
        last = place;
        yield {
          id,
          path,
          awayAt: rest.awayAt ?? undefined,
          job: rest.job ?? undefined,
          index: rest.jobIndex ?? undefined,
        };
      }
      if (rows.length < somePlaces) return;
    }
  }

  search(query: ImageQuery): ImagePage {
    const { records, cursor } = this.#table.page(pageOf(query));
    return { images: this.#withMarks(records), cursor };
  }

  /** With how many there are on all pages. */
  async page(query: ImageQuery): Promise<ImagePage & { readonly total: number }> {
    const mayTakeLong = query.text !== undefined || this.#table.isLong();
    const where = whereImages(query);
    const { records, cursor } = await this.#table.pageInTurns({ ...pageOf(query), mayTakeLong });
    const total = mayTakeLong ? await this.#table.countIn(this.#answers, where) : this.#table.count(where);
    const images: GalleryImage[] = [];
    for (let at = 0; at < records.length; at += somePictures) {
      if (at > 0) await nextTurn();
      images.push(...this.#withMarks(records.slice(at, at + somePictures)));
    }
    return { images, cursor, total };
  }

  /** The most used ones first. */
  async tags(user: string | undefined, most: number): Promise<readonly { tag: string; images: number }[]> {
    return await this.#answers.all(
      `SELECT tag, count(*) AS images FROM image_tags JOIN images ON images.id = image
       WHERE ${shown} AND (?1 IS NULL OR user = ?1) GROUP BY tag ORDER BY images DESC, tag LIMIT ?2`,
      [user, most],
    );
  }

  async valuesOf(column: 'model' | 'sampler', user: string | undefined, most: number): Promise<string[]> {
    const rows = await this.#answers.all<{ value: string }>(
      `SELECT DISTINCT ${column} AS value FROM images
       WHERE ${column} IS NOT NULL AND ${shown} AND (?1 IS NULL OR user = ?1) ORDER BY 1 LIMIT ?2`,
      [user, most],
    );
    return rows.map(({ value }) => value);
  }

  count(query: ImageQuery): number {
    return this.#table.count(whereImages(query));
  }

  /** With the tags and boards that they have. */
  #withMarks(pictures: readonly IndexedPicture[]): GalleryImage[] {
    const ids = JSON.stringify(pictures.map(({ id }) => id));
    const group = (sql: string) => {
      const groups = new Map<string, string[]>();
      for (const { image, value } of this.#db.all<{ image: string; value: string }>(sql, [ids])) {
        groups.set(image, [...(groups.get(image) ?? []), value]);
      }
      return groups;
    };
    const within = 'WHERE image IN (SELECT value FROM json_each(?))';
    const tags = group(`SELECT image, tag AS value FROM image_tags ${within} ORDER BY tag`);
    const boards = group(`SELECT image, board AS value FROM board_images ${within} ORDER BY added_at`);
    return pictures.map((each) => ({ ...each, tags: tags.get(each.id) ?? [], boards: boards.get(each.id) ?? [] }));
  }
}

function pageOf(query: ImageQuery) {
  const limit = Math.max(1, Math.min(query.limit ?? 50, 500));
  return { where: whereImages(query), order: orders[query.order ?? 'newest'], limit, cursor: query.cursor };
}
