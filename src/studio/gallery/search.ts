/** Searches of the gallery as SQL. */

import type { IndexedPicture } from '#api/records/picture';
import { UserError } from '#core/errors';
import { allOf, type Condition, equals, type Order } from '../store/table.ts';
import type { ImageQuery } from './image.ts';

/** Pictures that are in the gallery: neither in the trash nor away. */
export const shown = 'trashed_at IS NULL AND away_at IS NULL';

/** The WHERE clause of a search, without paging. */
export function whereImages(query: ImageQuery): Condition {
  const compare = (sql: string, value: string | number | undefined): Condition | undefined =>
    value === undefined ? undefined : { sql, params: [value] };
  return allOf([
    { sql: `trashed_at IS ${query.trashed ? 'NOT ' : ''}NULL`, params: [] },
    { sql: `away_at IS ${query.away ? 'NOT ' : ''}NULL`, params: [] },
    equals('user', query.user),
    equals('job', query.job),
    compare('? IN (model, model_hash)', query.model),
    compare('sampler = ? COLLATE NOCASE', query.sampler),
    compare('created_at >= ?', query.from),
    compare('created_at <= ?', query.to),
    compare('rating >= ?', query.minRating),
    compare('id IN (SELECT image FROM board_images WHERE board = ?)', query.board),
    ...(query.tags ?? []).map((tag) => compare('id IN (SELECT image FROM image_tags WHERE tag = ?)', tag)),
    ...textTerms(query.text ?? ''),
  ]);
}

export const orders: Readonly<Record<NonNullable<ImageQuery['order']>, Order<keyof IndexedPicture>>> = {
  newest: { by: ['createdAt', 'id'], direction: 'DESC' },
  oldest: { by: ['createdAt', 'id'], direction: 'ASC' },
  rating: { by: ['rating', 'createdAt', 'id'], direction: 'DESC' },
};

/** Scripts that are written without spaces have no words to index; they are searched as substrings. */
const unspaced = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;

/** Of one search: each that is written without spaces is a look at every prompt. */
const mostTerms = 32;

/**
 * Words together: each is one look into the index of words, however many they are.
 * @throws UserError `search.too-many`
 */
function textTerms(text: string): Condition[] {
  const conditions: Condition[] = [];
  const [wanted, unwanted] = [new Set<string>(), new Set<string>()];
  // SQLite takes NUL for the end of the query.
  const terms = new Map(
    [...text.replaceAll('\0', ' ').matchAll(/(-?)(?:"([^"]*)"|(\S+))/g)].map((one) => [one[0], one]),
  );
  if (terms.size > mostTerms) {
    const found = `The search has ${terms.size} different words and phrases`;
    throw new UserError('search.too-many', `${found}; at most ${mostTerms} are looked for.`);
  }
  for (const match of terms.values()) {
    const words = match[2] ?? match[3]!;
    const not = match[1] === '-';
    if (unspaced.test(words)) {
      const pattern = `%${words.replaceAll(/[\\%_]/g, '\\$&')}%`;
      conditions.push({ sql: `prompt ${not ? 'NOT ' : ''}LIKE ? ESCAPE '\\'`, params: [pattern] });
    } else if (/[\p{L}\p{N}]/u.test(words)) {
      const phrase = `"${words.replaceAll('"', '')}"${match[2] === undefined ? '*' : ''}`;
      (not ? unwanted : wanted).add(phrase);
    }
  }
  const found = (phrases: ReadonlySet<string>, joined: string): Condition['params'] => [
    `prompt : (${[...phrases].join(` ${joined} `)})`,
  ];
  const inIndex = 'IN (SELECT rowid FROM images_text WHERE images_text MATCH ?)';
  if (wanted.size > 0) conditions.push({ sql: `rowid ${inIndex}`, params: found(wanted, 'AND') });
  if (unwanted.size > 0) conditions.push({ sql: `rowid NOT ${inIndex}`, params: found(unwanted, 'OR') });
  return conditions;
}
