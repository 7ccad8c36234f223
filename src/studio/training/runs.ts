/** The trainings of a studio: a folder each, with its state, its metrics and its sample pictures. */

import { createReadStream } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
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

  /** The same as it is told: below the data folder, whose place on the disk is nobody's business. */
  placeOf(id: string): string {
    return `${basename(this.folder)}/${id}`;
  }

  /** What was measured after each step, oldest first; at most `limit` rows, evenly taken. */
  async metrics(id: string, limit: number): Promise<MetricsRow[]> {
    const file = join(this.folderOf(id), 'metrics.jsonl');
    let count = 0;
    for await (const chunk of chunksOf(file))
      for (let at = chunk.indexOf(lineBreak); at >= 0; at = chunk.indexOf(lineBreak, at + 1)) count++;
    const every = Math.max(1, Math.ceil(count / limit));
    const rows: MetricsRow[] = [];
    for await (const line of linesOf(file, (at) => at < count && (count - 1 - at) % every === 0))
      rows.push(JSON.parse(line) as MetricsRow);
    return rows;
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

const lineBreak = 0x0a;

/** A training of a million steps has measured a hundred megabytes. Nothing where there is no file. */
async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Those that are wanted by their number, from 0. What ends without a line break may be half written now. */
async function* linesOf(file: string, isWanted: (at: number) => boolean): AsyncGenerator<string> {
  let at = 0;
  let begun: Buffer[] = [];
  for await (const chunk of chunksOf(file)) {
    let from = 0;
    for (let end = chunk.indexOf(lineBreak); end >= 0; end = chunk.indexOf(lineBreak, from)) {
      if (isWanted(at++)) yield Buffer.concat([...begun, chunk.subarray(from, end)]).toString();
      begun = [];
      from = end + 1;
    }
    begun.push(chunk.subarray(from));
  }
}

function emptyListWhereMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}
