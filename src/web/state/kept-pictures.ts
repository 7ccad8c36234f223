/**
 * Pictures that were brought to the page and belong to no gallery: kept in the browser's own database, so that the draft
 * names them in a few letters and a reload loses nothing. What has lain for a fortnight goes.
 */

const prefix = 'kept:';
const database = 'darkroom';
const table = 'pictures';
const keptForMs = 14 * 86_400_000;

interface Kept {
  readonly picture: Blob;
  readonly at: number;
}

/** Where there is no such database (a private window), for as long as the page lives. */
const memory = new Map<string, Blob>();

/** @returns the name by which the draft knows it */
export async function keepPicture(picture: Blob): Promise<string> {
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  memory.set(key, picture);
  await inTable('readwrite', (rows) => rows.put({ picture, at: Date.now() } satisfies Kept, key)).catch(() => {});
  return prefix + key;
}

export function isKept(name: string): boolean {
  return name.startsWith(prefix);
}

export async function keptPicture(name: string): Promise<Blob | undefined> {
  const key = name.slice(prefix.length);
  const here = memory.get(key);
  if (here) return here;
  const row = (await inTable('readonly', (rows) => rows.get(key)).catch(() => undefined)) as Kept | undefined;
  return row?.picture;
}

export async function forgetOldPictures(): Promise<void> {
  const oldest = Date.now() - keptForMs;
  await inTable('readwrite', (rows) => {
    const all = rows.openCursor();
    all.onsuccess = () => {
      const at = all.result;
      if (!at) return;
      if ((at.value as Kept).at < oldest) at.delete();
      at.continue();
    };
    return all;
  }).catch(() => {});
}

function inTable<T>(mode: IDBTransactionMode, work: (rows: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: DOMException | null) => reject(error ?? new Error('the database of the browser failed'));
    const opening = indexedDB.open(database, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(table);
    opening.onerror = () => fail(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(table, mode);
      const request = work(transaction.objectStore(table));
      transaction.oncomplete = () => {
        resolve(request.result);
        opening.result.close();
      };
      transaction.onerror = () => fail(transaction.error);
      transaction.onabort = () => fail(transaction.error);
    };
  });
}
