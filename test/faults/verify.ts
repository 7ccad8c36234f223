/**
 * Looks at a studio's files and database from outside, while nobody works on them, and lists what is not as it must
 * be. Half-done work is allowed where a kill interrupted it; lies and losses are not.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { infotextFields } from '#studio/gallery/infotext-fields';
import { readPicturePath } from '#studio/gallery/picture-path';
import { decodeImage } from '#studio/images/codec';
import { Settings } from '#studio/settings/settings';
import { type Database, openDatabase } from '#studio/store/database';
import { schemaVersion } from '#studio/store/migrate';
import { picture } from '../fixtures/fake-engine.ts';

/** What the studio has said it did; it must not take it back. */
export interface Promised {
  readonly jobs: ReadonlySet<string>;
  readonly images: ReadonlySet<string>;
  readonly cancelled: ReadonlySet<string>;
  /** What each rating may be: the last one given, or one that was being given when the studio died. */
  readonly ratings: ReadonlyMap<string, ReadonlySet<number>>;
  /** In the same way, whether each picture that was moved is in the trash. */
  readonly away?: ReadonlyMap<string, ReadonlySet<boolean>>;
  /** In the same way, whether a board, a picture on one, or an account is there, by how it is said. */
  readonly kept?: ReadonlyMap<string, ReadonlySet<boolean>>;
  /** In the same way, the setting; empty when it was never set. */
  readonly previewEvery?: ReadonlySet<number>;
}

interface JobRow {
  id: string;
  state: string;
  total: number;
  delivered: number;
  request: string;
  error: string | null;
}

interface ImageRow {
  id: string;
  job: string;
  job_index: number;
  path: string;
  seed: number;
  infotext: string;
  rating: number;
  trashed_at: number | null;
}

interface PictureFile {
  readonly path: string;
  readonly trashed: boolean;
}

export interface Folders {
  readonly dataDir: string;
  readonly outputsDir: string;
}

export interface VerifyOptions {
  /** Everything must have ended, so that nothing may be half done. */
  readonly finished: boolean;
  /** The pictures are the fake engine's: pixels follow from the seed. */
  readonly fake: boolean;
  /** Jobs that had ended were cleared away, so pictures may outlive theirs. Default no. */
  readonly cleared?: boolean;
}

export async function verifyStudio(folders: Folders, promised: Promised, options: VerifyOptions): Promise<string[]> {
  const { finished } = options;
  const problems: string[] = [];
  const { jobs, images, integrity, previewEvery, kept } = readTables(folders.dataDir);
  if (integrity !== 'ok') problems.push(`the database is damaged: ${integrity}`);
  const files = pictureFiles(folders.outputsDir);
  const set = promised.previewEvery ?? new Set();
  if (set.size > 0 && previewEvery !== undefined && !set.has(previewEvery))
    problems.push(`the setting was ${[...set]}, is ${previewEvery}`);
  problems.push(...checkKept(promised.kept ?? new Map(), kept));
  problems.push(...checkPromises(promised, jobs, images, files));
  problems.push(...checkRows(jobs, images, files, finished));
  problems.push(...(await checkFiles(folders.outputsDir, files, jobs, images, options)));
  if (finished) problems.push(...leftovers(folders, jobs));
  return problems;
}

function readTables(dataDir: string) {
  const nothing = {
    jobs: new Map<string, JobRow>(),
    images: [] as ImageRow[],
    integrity: 'ok',
    previewEvery: undefined as number | undefined,
    kept: new Set<string>(),
  };
  const file = join(dataDir, 'studio.db');
  // Killed in its very first moments.
  if (!existsSync(file)) return nothing;
  const db = openDatabase(file);
  try {
    if (schemaVersion(db) < 2) return nothing;
    return {
      jobs: new Map(db.all<JobRow>("SELECT * FROM jobs WHERE kind = 'picture'").map((row) => [row.id, row])),
      images: db.all<ImageRow>('SELECT * FROM images'),
      kept: keptIn(db),
      previewEvery: new Settings(db, () => {}).get().previewEvery as number | undefined,
      integrity: db.get<{ integrity_check: string }>('PRAGMA integrity_check')!.integrity_check,
    };
  } finally {
    db.close();
  }
}

/** Boards, what is on them, and accounts, as the studio says them. */
function keptIn(db: Database): Set<string> {
  const boards = db.all<{ id: string; name: string }>("SELECT id, name FROM boards WHERE user = 'local'");
  const names = new Map(boards.map(({ id, name }) => [id, name]));
  const on = db.all<{ board: string; image: string }>('SELECT board, image FROM board_images');
  const users = db.all<{ name: string }>('SELECT name FROM users');
  return new Set([
    ...boards.map(({ name }) => `board ${name}`),
    ...on.map(({ board, image }) => `${names.get(board)} has ${image}`),
    ...users.map(({ name }) => `account ${name}`),
  ]);
}

function checkKept(promised: ReadonlyMap<string, ReadonlySet<boolean>>, kept: ReadonlySet<string>): string[] {
  const wrong = [...promised].filter(([what, there]) => !there.has(kept.has(what)));
  return wrong.map(([what]) => `${what}: ${kept.has(what) ? 'is there' : 'is lost'}, promised otherwise`);
}

function pictureFiles(outputsDir: string): PictureFile[] {
  if (!existsSync(outputsDir)) return [];
  return readdirSync(outputsDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.png'))
    .map((entry) => {
      const path = relative(outputsDir, join(entry.parentPath, entry.name)).split(sep).join('/');
      const trashed = path.startsWith('.trash/');
      return { path: trashed ? path.slice('.trash/'.length) : path, trashed };
    });
}

function checkPromises(
  promised: Promised,
  jobs: ReadonlyMap<string, JobRow>,
  images: readonly ImageRow[],
  files: readonly PictureFile[],
): string[] {
  const byId = new Map(images.map((row) => [row.id, row]));
  const problems: string[] = [];
  for (const id of promised.jobs) if (!jobs.has(id)) problems.push(`job ${id} was accepted and is lost`);
  for (const id of promised.images) if (!byId.has(id)) problems.push(`picture ${id} was delivered and is lost`);
  for (const [id, ratings] of promised.ratings) {
    const rating = byId.get(id)?.rating;
    if (rating === undefined || !ratings.has(rating))
      problems.push(`picture ${id} was rated ${[...ratings]}, is ${rating}`);
  }
  for (const [id, away] of promised.away ?? []) {
    const row = byId.get(id);
    if (!row) continue;
    if (!away.has(row.trashed_at !== null)) {
      problems.push(`picture ${id} is ${row.trashed_at === null ? 'shown' : 'in the trash'}, promised otherwise`);
    }
    // One that was on its way may lie where it was until the next start.
    const file = files.find(({ path }) => path === row.path);
    if (away.size === 1 && file && !away.has(file.trashed)) problems.push(`${row.path} was not moved as promised`);
  }
  for (const id of promised.cancelled) {
    const state = jobs.get(id)?.state;
    // Cancelled at its last step, it may have been done.
    if (state !== 'cancelled' && state !== 'done' && state !== 'running')
      problems.push(`job ${id} was cancelled, is ${state}`);
  }
  return problems;
}

function checkRows(
  jobs: ReadonlyMap<string, JobRow>,
  images: readonly ImageRow[],
  files: readonly PictureFile[],
  finished: boolean,
): string[] {
  const problems: string[] = [];
  const there = new Map(files.map((file) => [file.path, file]));
  for (const row of images) {
    const file = there.get(row.path);
    if (!file) problems.push(`picture ${row.id} has lost its file ${row.path}`);
    else if (finished && file.trashed !== (row.trashed_at !== null))
      problems.push(`${row.path} lies in the wrong folder`);
  }
  for (const job of jobs.values()) {
    const count = images.filter((row) => row.job === job.id).length;
    if (count > job.total) problems.push(`job ${job.id} has ${count} of ${job.total} pictures`);
    if (job.state === 'done' && count !== job.total)
      problems.push(`job ${job.id} is done with ${count} of ${job.total}`);
    if (finished && !['done', 'cancelled'].includes(job.state))
      problems.push(`job ${job.id} ended as ${job.state}: ${job.error}`);
    if (finished && job.delivered !== count)
      problems.push(`job ${job.id} says ${job.delivered}, has ${count} pictures`);
  }
  return problems;
}

/** Every file is whole, shows what its seed says, and is the only one of its job and place. */
async function checkFiles(
  outputsDir: string,
  files: readonly PictureFile[],
  jobs: ReadonlyMap<string, JobRow>,
  images: readonly ImageRow[],
  { finished, fake, cleared = false }: VerifyOptions,
): Promise<string[]> {
  const problems: string[] = [];
  const noted = new Map(images.map((row) => [row.path, row]));
  const places = new Set<string>();
  for (const { path, trashed } of files) {
    const name = readPicturePath(path);
    const place = `${name.job}-${name.index}`;
    if (places.has(place)) problems.push(`${path} is a second picture of job ${name.job}, place ${name.index}`);
    places.add(place);
    const row = noted.get(path);
    if (finished && !row) problems.push(`${path} is not in the index`);
    const job = jobs.get(name.job ?? '');
    const problem = await checkPicture(join(outputsDir, trashed ? '.trash' : '', path), name.seed!, row, fake);
    if (problem !== undefined) problems.push(`${path}: ${problem}`);
    const first = job && (JSON.parse(job.request) as { seed: number }).seed;
    if (first === undefined) {
      if (!cleared) problems.push(`${path} is of no known job`);
    } else if (name.seed !== first + name.index!)
      problems.push(`${path} has seed ${name.seed}, expected ${first + name.index!}`);
  }
  return problems;
}

async function checkPicture(
  file: string,
  seed: number,
  row: ImageRow | undefined,
  fake: boolean,
): Promise<string | undefined> {
  try {
    const { image, infotext } = await decodeImage(readFileSync(file));
    if (fake && Buffer.compare(image.data, picture(image, seed).data) !== 0)
      return 'its pixels are not those of its seed';
    if (infotextFields(infotext ?? '').seed !== seed) return 'its infotext has another seed';
    if (row && (row.seed !== seed || row.infotext !== infotext)) return 'the index says something else of it';
    return undefined;
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function leftovers({ dataDir, outputsDir }: Folders, jobs: ReadonlyMap<string, JobRow>): string[] {
  const list = (folder: string) => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  };
  const temporary = list(join(outputsDir, '.tmp')).map((name) => `left over: .tmp/${name}`);
  const inputs = list(join(dataDir, 'inputs')).filter((name) => !jobs.has(name.slice(0, 16)) && name !== '.tmp');
  return [...temporary, ...inputs.map((name) => `left over: inputs/${name}`)];
}
