/**
 * A studio that has grown: pictures, tags, boards, jobs, accounts, word lists, data sets, models and what a training has
 * measured, by tens of thousands. What is asked of all of them must hold nobody else up.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openDatabase } from '#studio/store/database';
import { safetensors } from './bytes.ts';
import type { HostileRequest } from './requests.ts';

const pictures = 20_000;
const boards = 2000;
const training = 'training00000000';
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const idOf = (letter: string, i: number) => letter + i.toString(10).padStart(15, '0');

/** Grows the studio of a server that runs and has made at least one picture. */
export function growStudio(root: string, models: string): void {
  const db = openDatabase(join(root, 'data', 'studio.db'));
  try {
    db.transaction(() => growRecords(db));
    const { path } = db.get<{ path: string }>('SELECT path FROM images WHERE path NOT LIKE ? LIMIT 1', ['grown/%'])!;
    growFiles(root, models, readFileSync(join(root, 'outputs', path)));
  } finally {
    db.close();
  }
}

/** A record many times, some of its columns by an expression of the number `i`. */
function repeat(db: Database, table: string, count: number, columns: Readonly<Record<string, string>>): void {
  const names = db.all<{ name: string }>(`PRAGMA table_info(${table})`).map(({ name }) => name);
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})`;
  const values = names.map((name) => columns[name] ?? name).join(', ');
  const one = `(SELECT * FROM ${table} LIMIT 1)`;
  db.run(`INSERT INTO ${table} (${names.join(', ')}) ${numbers} SELECT ${values} FROM n, ${one}`);
}

function growRecords(db: Database): void {
  const id = (letter: string) => `printf('${letter}%015d', i)`;
  const one = db.get<{ id: string; job: string }>('SELECT id, job FROM images LIMIT 1')!;
  repeat(db, 'images', pictures, {
    id: id('p'),
    path: "'grown/' || i || '.png'",
    job: 'NULL',
    job_index: 'NULL',
    prompt: `'${'word fox night '.repeat(60)}' || i`,
    model: "'model ' || (i % 3000)",
    created_at: 'created_at - i',
  });
  repeat(db, 'jobs', pictures, { id: id('j'), position: 'position + i' });
  repeat(db, 'jobs', 1, { id: `'${training}'`, kind: "'training'", state: "'done'", position: '-1' });
  const numbers = (count: number) =>
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})`;
  db.run(`INSERT INTO image_tags (image, tag) ${numbers(pictures * 5)}
    SELECT printf('p%015d', i % ${pictures}), 'tag ' || i FROM n`);
  db.run(`INSERT INTO boards (id, user, name, created_at) ${numbers(boards)}
    SELECT ${id('b')}, 'local', 'board ' || i || '${'x'.repeat(150)}', i FROM n`);
  db.run(`INSERT INTO board_images (board, image, added_at) ${numbers(pictures)}
    SELECT '${idOf('b', 0)}', ${id('p')}, i FROM n`);
  db.run(`INSERT INTO board_images (board, image, added_at) ${numbers(boards - 1)}
    SELECT printf('b%015d', i + 1), '${one.id}', i FROM n`);
}

function growFiles(root: string, models: string, picture: Uint8Array): void {
  const run = join(root, 'data', 'trainings', training);
  const set = join(root, 'data', 'datasets', 'many');
  for (const folder of [join(run, 'samples'), set, join(models, 'wildcards'), join(models, 'embeddings')])
    mkdirSync(folder, { recursive: true });
  const row = (step: number) => JSON.stringify({ step, loss: 0.123456789, lr: 1e-4, seconds: step * 1.5 });
  writeFileSync(join(run, 'metrics.jsonl'), `${times(300_000, row).join('\n')}\n`);
  for (let i = 0; i < 5000; i++) writeFileSync(join(run, 'samples', `${i}.png`), '');
  for (let i = 0; i < 300; i++) {
    writeFileSync(join(set, `${i}.png`), picture);
    writeFileSync(join(set, `${i}.txt`), i < 10 ? 'caption '.repeat(130_000) : 'a caption');
    mkdirSync(join(root, 'data', 'datasets', `set ${i}`));
  }
  for (let i = 0; i < 10_000; i++) writeFileSync(join(models, 'wildcards', `list-${i}.txt`), 'a\nb');
  const tensor = safetensors('{"emb_params":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4);
  for (let i = 0; i < 1000; i++) writeFileSync(join(models, 'embeddings', `word-${i}.safetensors`), tensor);
  const line = (i: number) => `style ${i},"${'p'.repeat(150)}","${'n'.repeat(150)}"`;
  writeFileSync(join(root, 'data', 'styles.csv'), `name,prompt,negative_prompt\n${times(9000, line).join('\n')}`);
}

/** What is asked of such a studio, by what it is about: one after the other, or all at once where it is a list of equals. */
export function grownRequests(): Readonly<Record<string, readonly Omit<HostileRequest, 'name'>[]>> {
  const get = (path: string) => [{ method: 'GET', path }];
  const send = (method: string, path: string, body?: unknown) => [{ method, path, body }];
  const some = times(1000, (i) => idOf('p', i + 100));
  const job = (fields: object) => send('POST', '/api/v1/jobs', { steps: 1, width: 64, height: 64, ...fields });
  const at = '/api/v1';
  const archive = `${at}/images/archive?${times(300, (i) => `ids=${idOf('p', i)}`).join('&')}`;
  return {
    'a look at the folders': send('POST', `${at}/models/refresh`),
    boards: get(`${at}/boards`),
    'a board of all pictures': get(`${at}/images?board=${idOf('b', 0)}`),
    'a board that is not there': get(`${at}/images?board=nothing`),
    'a picture on all boards': get(`${at}/images?limit=1&order=newest`),
    'a new name of a board': send('PATCH', `${at}/boards/${idOf('b', 0)}`, { name: 'another' }),
    'a board too many': send('POST', `${at}/boards`, { name: 'one more' }),
    'a thousand off a board': send('POST', `${at}/boards/${idOf('b', 0)}/take`, { ids: some }),
    'a thousand onto a board': send('POST', `${at}/boards/${idOf('b', 0)}/add`, { ids: some }),
    tags: get(`${at}/gallery/tags`),
    filters: get(`${at}/gallery/facets`),
    'a hundred tags': send('PATCH', `${at}/images/${idOf('p', 7)}`, { tags: times(100, (i) => `new ${i}`) }),
    'pictures of a tag': get(`${at}/images?tags=tag+7`),
    'pictures by rating': get(`${at}/images?order=rating&limit=500`),
    'pictures of a model': get(`${at}/images?model=model+5&limit=500`),
    jobs: get(`${at}/jobs?limit=1000`),
    'the line': get(`${at}/queue/line?limit=1000`),
    'a training': get(`${at}/trainings/${training}`),
    'a training, 10,000 rows': get(`${at}/trainings/${training}?rows=10000`),
    'its metrics': get(`${at}/trainings/${training}/file?path=metrics.jsonl`),
    'data sets': get(`${at}/datasets`),
    'a data set': get(`${at}/datasets/many`),
    'a picture of a data set': get(`${at}/datasets/many/pictures/5.png`),
    'a caption of a data set': send('PUT', `${at}/datasets/many/captions/5.png`, { caption: 'a '.repeat(49_000) }),
    'half a data set': send('POST', `${at}/datasets/many/split`, { into: 'half', share: 0.5 }),
    'word lists': get(`${at}/wildcards`),
    styles: get(`${at}/styles`),
    "A1111's styles": get('/sdapi/v1/prompt-styles'),
    "A1111's embeddings": get('/sdapi/v1/embeddings'),
    models: get(`${at}/models`),
    'a style more': send('PUT', `${at}/styles/new`, { prompt: 'a' }),
    'a style less': send('DELETE', `${at}/styles/new`),
    'a job of word lists': job({ prompt: '__list-5__ __list-77__', styles: ['style 5'] }),
    'a job of all word lists': job({ prompt: '__*__' }),
    'a job of 5,000 words': job({ prompt: 'word-5 '.repeat(5000) }),
    'a job of a model that is not there': job({ prompt: 'a', model: 'x'.repeat(100) }),
    'hashes of files that are not here': send('POST', `${at}/parameters/read`, {
      text: `a\nSteps: 1, Model: x, Lora hashes: "${'x: abc, '.repeat(3000)}"`,
    }),
    'a thousand into the trash': send('POST', `${at}/images/trash`, { ids: some }),
    'a thousand out of it': send('POST', `${at}/images/restore`, { ids: some }),
    'boards, 20 at once': times(20, () => get(`${at}/boards`)[0]!),
    'filters, 30 at once': times(30, () => get(`${at}/gallery/facets`)[0]!),
    'models, 30 at once': times(30, () => get(`${at}/models`)[0]!),
    'archives, 10 at once': times(10, () => get(archive)[0]!),
    'pictures, 60 at once': times(60, () => get(`${at}/images?limit=500`)[0]!),
    'plans, 50 at once': times(50, () => send('POST', `${at}/jobs/plan`, { prompt: 'a', steps: 1 })[0]!),
    'a data set, 10 at once': times(10, () => get(`${at}/datasets/many`)[0]!),
    'a rebuild': send('POST', `${at}/gallery/rebuild`),
    'jobs cleared': send('POST', `${at}/queue/clear`, {}),
    'the trash emptied': send('POST', `${at}/images/purge`, {}),
  };
}
