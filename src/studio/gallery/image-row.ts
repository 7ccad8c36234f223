/** The images table's rows as GalleryImage objects, and searches as SQL. */

import type { Database, SqlValue } from '../store/database.ts';
import type { GalleryImage, ImageQuery } from './image.ts';

export interface ImageRow {
  id: string;
  user: string;
  job: string | null;
  job_index: number | null;
  path: string;
  format: string;
  bytes: number;
  width: number;
  height: number;
  created_at: number;
  prompt: string;
  negative_prompt: string;
  model: string | null;
  model_hash: string | null;
  sampler: string | null;
  scheduler: string | null;
  steps: number | null;
  cfg_scale: number | null;
  seed: number | null;
  infotext: string;
  rating: number;
  trashed_at: number | null;
}

export function toImages(db: Database, rows: readonly ImageRow[]): GalleryImage[] {
  const ids = JSON.stringify(rows.map((row) => row.id));
  const group = (sql: string) => {
    const groups = new Map<string, string[]>();
    for (const { image, value } of db.all<{ image: string; value: string }>(sql, [ids])) {
      groups.set(image, [...(groups.get(image) ?? []), value]);
    }
    return groups;
  };
  const within = 'WHERE image IN (SELECT value FROM json_each(?))';
  const tags = group(`SELECT image, tag AS value FROM image_tags ${within} ORDER BY tag`);
  const boards = group(`SELECT image, board AS value FROM board_images ${within} ORDER BY added_at`);
  return rows.map((row) => toImage(row, tags.get(row.id) ?? [], boards.get(row.id) ?? []));
}

function toImage(row: ImageRow, tags: readonly string[], boards: readonly string[]): GalleryImage {
  const optional = {
    job: row.job,
    index: row.job_index,
    model: row.model,
    modelHash: row.model_hash,
    sampler: row.sampler,
    scheduler: row.scheduler,
    steps: row.steps,
    cfgScale: row.cfg_scale,
    seed: row.seed,
    trashedAt: row.trashed_at,
  };
  return {
    id: row.id,
    user: row.user,
    path: row.path,
    format: row.format,
    bytes: row.bytes,
    width: row.width,
    height: row.height,
    createdAt: row.created_at,
    prompt: row.prompt,
    negativePrompt: row.negative_prompt,
    infotext: row.infotext,
    rating: row.rating,
    tags,
    boards,
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)) as Partial<GalleryImage>),
  };
}

interface Condition {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** The WHERE clause of a search, without paging. */
export function whereImages(query: ImageQuery): Condition {
  const terms: Condition[] = [{ sql: `trashed_at IS ${query.trashed ? 'NOT ' : ''}NULL`, params: [] }];
  const add = (sql: string, ...params: SqlValue[]) => terms.push({ sql, params });
  if (query.user !== undefined) add('user = ?', query.user);
  if (query.job !== undefined) add('job = ?', query.job);
  if (query.model !== undefined) add('(model = ? OR model_hash = ?)', query.model, query.model);
  if (query.sampler !== undefined) add('sampler = ? COLLATE NOCASE', query.sampler);
  if (query.from !== undefined) add('created_at >= ?', query.from);
  if (query.to !== undefined) add('created_at <= ?', query.to);
  if (query.minRating !== undefined) add('rating >= ?', query.minRating);
  if (query.board !== undefined) add('id IN (SELECT image FROM board_images WHERE board = ?)', query.board);
  for (const tag of query.tags ?? []) add('id IN (SELECT image FROM image_tags WHERE tag = ?)', tag);
  for (const term of textTerms(query.text ?? '')) terms.push(term);
  return { sql: terms.map((t) => t.sql).join(' AND '), params: terms.flatMap((t) => t.params) };
}

/** Scripts that are written without spaces have no words to index; they are searched as substrings. */
const unspaced = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;

function* textTerms(text: string): Generator<Condition> {
  // SQLite takes NUL for the end of the query.
  for (const match of text
    .slice(0, 1000)
    .replaceAll('\0', ' ')
    .matchAll(/(-?)(?:"([^"]*)"|(\S+))/g)) {
    const words = match[2] ?? match[3]!;
    const not = match[1] === '-' ? 'NOT ' : '';
    if (unspaced.test(words)) {
      const pattern = `%${words.replaceAll(/[\\%_]/g, '\\$&')}%`;
      yield { sql: `prompt ${not}LIKE ? ESCAPE '\\'`, params: [pattern] };
    } else if (/[\p{L}\p{N}]/u.test(words)) {
      const phrase = `"${words.replaceAll('"', '')}"${match[2] === undefined ? '*' : ''}`;
      yield {
        sql: `rowid ${not}IN (SELECT rowid FROM images_text WHERE images_text MATCH ?)`,
        params: [`prompt : ${phrase}`],
      };
    }
  }
}

interface Order {
  readonly columns: readonly (keyof ImageRow)[];
  readonly direction: 'ASC' | 'DESC';
}

const orders: Readonly<Record<NonNullable<ImageQuery['order']>, Order>> = {
  newest: { columns: ['created_at', 'id'], direction: 'DESC' },
  oldest: { columns: ['created_at', 'id'], direction: 'ASC' },
  rating: { columns: ['rating', 'created_at', 'id'], direction: 'DESC' },
};

/** ORDER BY, and the condition that a page begins after its cursor. */
export function pageOf(query: ImageQuery): { readonly order: string; readonly after: Condition } {
  const { columns, direction } = orders[query.order ?? 'newest'];
  const order = columns.map((column) => `${column} ${direction}`).join(', ');
  const values = query.cursor?.split('~');
  if (values?.length !== columns.length) return { order, after: { sql: '1', params: [] } };
  const params = values.map((value, i) => (columns[i] === 'id' ? value : Number(value)));
  const marks = columns.map(() => '?').join(', ');
  return { order, after: { sql: `(${columns.join(', ')}) ${direction === 'ASC' ? '>' : '<'} (${marks})`, params } };
}

export function cursorOf(query: ImageQuery, row: ImageRow): string {
  return orders[query.order ?? 'newest'].columns.map((column) => String(row[column])).join('~');
}
