/** The trainings of a studio: a folder each, with its state, its metrics and its sample pictures. */

import { readdir, readFile, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UserError } from '#core/errors';
import { isMissing } from '../files/disk-error.ts';
import { realPathInside } from '../files/safe-path.ts';

/** A row of `metrics.jsonl`. */
export type MetricsRow = Readonly<Record<string, number>>;

const mediaTypes: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.html': 'text/html',
};

export class TrainingRuns {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Of the job of this id. */
  folderOf(id: string): string {
    return join(this.folder, id);
  }

  /** What was measured after each step, oldest first; at most `limit` rows, evenly taken. */
  async metrics(id: string, limit: number): Promise<MetricsRow[]> {
    const text = await readFile(join(this.folderOf(id), 'metrics.jsonl'), 'utf8').catch(emptyWhereMissing);
    // A row may be half written now.
    const rows = text.split('\n').filter((line) => line.endsWith('}'));
    const every = Math.max(1, Math.ceil(rows.length / limit));
    const shown = rows.filter((_, i) => (rows.length - 1 - i) % every === 0);
    return shown.map((line) => JSON.parse(line) as MetricsRow);
  }

  /** Paths of files to look at, below the run's folder. */
  async files(id: string): Promise<string[]> {
    const names = async (below: string): Promise<string[]> =>
      (await readdir(join(this.folderOf(id), below)).catch(emptyListWhereMissing)).map((name) => below + name);
    const folders = ['', 'samples/', 'report/', 'curves/'];
    const all = (await Promise.all(folders.map(names))).flat();
    return all.filter((path) => extname(path) in mediaTypes).sort();
  }

  /** @throws UserError `training-file.unknown` */
  async read(id: string, path: string): Promise<{ type: string; body: Uint8Array }> {
    const type = mediaTypes[extname(path)];
    if (!type || !(await this.files(id)).includes(path)) {
      throw new UserError('training-file.unknown', `The training has no file ${JSON.stringify(path.slice(0, 200))}.`);
    }
    return { type, body: await readFile(await realPathInside(this.folderOf(id), path)) };
  }

  async remove(id: string): Promise<void> {
    await rm(this.folderOf(id), { recursive: true, force: true });
  }
}

function emptyWhereMissing(error: unknown): string {
  if (isMissing(error)) return '';
  throw error;
}

function emptyListWhereMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}
