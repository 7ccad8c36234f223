/**
 * One file from the web to the disk: resumable by range, hashed while it is written, checked against what was
 * promised, under its final name only when it is whole and right.
 *
 * What is there of it lies in `<file>.part`, what is known about that in `<file>.part.json`. Left out: several
 * connections at once.
 */

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DarkroomError, UserError } from '#core/errors';
import { describeSignature, SIGNATURE_BYTES } from '#formats/file-signature';
import { diskError, isMissing } from '../files/disk-error.ts';
import { bodyChunks, connectionError, discard, type Headers, type HttpResponse, httpGet } from '../net/http.ts';
import { lockFile } from '../store/lock.ts';
import { statusError } from './services.ts';

export interface DownloadTask {
  readonly url: string;
  /** Absolute path of the finished file. */
  readonly file: string;
  /** Where others are kept from fetching it; default beside it. */
  readonly lock?: string;
  /** Promised by the source. */
  readonly bytes?: number;
  /** Promised by the source; lower case hex. */
  readonly sha256?: string;
  readonly authorization?: string;
  readonly whose?: 'hugging-face' | 'civitai';
  readonly allowPrivate: boolean | readonly string[];
  readonly signal: AbortSignal;
  /** @param total undefined when nobody has said */
  readonly onProgress: (bytes: number, total: number | undefined) => void;
  /** Milliseconds without a byte before trying again; default 30,000. */
  readonly stallMs?: number;
  /** First pause before trying again, doubled each time; default 1 s. */
  readonly retryMs?: number;
  /** Tries in a row that bring nothing before it is given up; default 6. */
  readonly maxTries?: number;
}

export interface DownloadResult {
  readonly bytes: number;
  readonly sha256: string;
  /** Nothing had to be fetched. */
  readonly wasThere: boolean;
}

/** Kept free beside what the file takes, so that the system and the queue can go on. */
const marginBytes = 64 * 2 ** 20;
const maxRetryAfterMs = 300_000;

/**
 * @throws UserError `pull.denied`, `pull.not-found`, `pull.hash`, `pull.size`, `pull.not-a-model`, `pull.exists`,
 *   `pull.locked`; DarkroomError `disk-full`, `net.connection`; the signal's reason when aborted (the part stays)
 */
export async function download(task: DownloadTask): Promise<DownloadResult> {
  await mkdir(dirname(task.file), { recursive: true });
  const lock = lockFile(task.lock ?? `${task.file}.lock`);
  try {
    const present = await checkPresent(task);
    if (present) return present;
    const part = await Part.open(task);
    try {
      await fetchAll(task, part);
      return await part.finish();
    } finally {
      await part.close();
    }
  } catch (error) {
    throw task.signal.aborted ? task.signal.reason : diskError(error, task.file);
  } finally {
    lock.release();
  }
}

/** Forgets what has been fetched so far. */
export async function discardPart(file: string): Promise<void> {
  for (const suffix of ['.part', '.part.json']) await rm(`${file}${suffix}`, { force: true });
}

/** sha256 of a file on disk, hex. */
export async function hashFile(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(file, 'r');
  try {
    await hashInto(hash, handle, signal);
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

async function checkPresent(task: DownloadTask): Promise<DownloadResult | undefined> {
  let bytes: number;
  try {
    bytes = (await stat(task.file)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const sha256 = await hashFile(task.file, task.signal);
  const same = task.sha256 === undefined ? task.bytes === bytes : task.sha256 === sha256;
  if (!same) {
    throw new UserError('pull.exists', `There is another file called ${task.file}; move or rename it first.`);
  }
  return { bytes, sha256, wasThere: true };
}

/** Asks again and again until everything is there, or until it gets nowhere. */
async function fetchAll(task: DownloadTask, part: Part): Promise<void> {
  let fruitless = 0;
  while (true) {
    const before = part.bytes;
    let wait: number | undefined;
    try {
      if (await fetchSome(task, part)) return;
    } catch (error) {
      task.signal.throwIfAborted();
      wait = retryAfter(error, (task.retryMs ?? 1000) * 2 ** fruitless);
      if (wait === undefined) throw error;
      fruitless = part.bytes > before ? 0 : fruitless + 1;
      if (fruitless >= (task.maxTries ?? 6)) throw error;
    }
    if (wait !== undefined) await delay(wait, undefined, { signal: task.signal });
  }
}

/** How long to wait before another try; undefined when another try is pointless. */
function retryAfter(error: unknown, usual: number): number | undefined {
  if (error instanceof BusyError) return Math.min(error.waitMs ?? usual, maxRetryAfterMs);
  return error instanceof DarkroomError && error.code === 'net.connection' ? usual : undefined;
}

/** The server asks for patience. */
class BusyError extends DarkroomError {
  readonly waitMs: number | undefined;

  constructor(url: string, status: number, waitMs: number | undefined) {
    super('net.busy', `${url} answers ${status} each time it is asked; try again later.`);
    this.waitMs = waitMs;
  }
}

/** One request. True when the file is complete; false or a throw when there is more to fetch. */
async function fetchSome(task: DownloadTask, part: Part): Promise<boolean> {
  if (part.total !== undefined && part.bytes === part.total && part.total > 0) return true;
  const response = await httpGet(task.url, {
    headers: await part.rangeHeaders(),
    authorization: task.authorization,
    stallMs: task.stallMs,
    signal: task.signal,
    allowPrivate: task.allowPrivate,
  });
  const chunks = bodyChunks(response.body);
  try {
    if (!(await begin(task, part, response))) return false;
    for await (const chunk of chunks) await part.write(chunk);
  } catch (error) {
    throw connectionError(error, response.url);
  } finally {
    discard(response.body);
  }
  if (part.total === undefined) return true;
  if (part.bytes < part.total) throw connectionError(new Error('it ended early'), response.url);
  return true;
}

/** Looks at the answer's head. False when the request must be made anew. */
async function begin(task: DownloadTask, part: Part, response: HttpResponse): Promise<boolean> {
  const { status, headers, url } = response;
  if (status === 429 || status === 408 || status >= 500)
    throw new BusyError(url, status, waitOf(headers['retry-after']));
  if (status === 416) {
    // Beyond the end: there is nothing more, or what is here is of another file.
    const end = /^bytes \*\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
    if (Number(end) !== part.bytes || part.bytes === 0) await part.restart();
    else part.total = part.bytes;
    return false;
  }
  if (status !== 200 && status !== 206) throw statusError(status, task.url, task.whose);
  const mark = markOf(headers);
  if (status === 200) {
    await part.restart();
    await part.begin(lengthOf(headers['content-length']), mark);
    return true;
  }
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers['content-range'] ?? '');
  const total = range ? Number(range[2]) : undefined;
  const differs = part.mark !== undefined && mark !== undefined && part.mark !== mark;
  if (differs || Number(range?.[1]) !== part.bytes || (part.total !== undefined && part.total !== total)) {
    await part.restart();
    return false;
  }
  await part.begin(total, mark);
  return true;
}

/**
 * What tells one version of a file from another, byte for byte: a strong etag, or a date of change that lay well before
 * the answer (RFC 9110, 8.8). Undefined where the server says neither.
 */
function markOf({ etag, 'last-modified': changed, date }: Headers): string | undefined {
  if (etag?.startsWith('"')) return etag;
  const age = Date.parse(date ?? '') - Date.parse(changed ?? '');
  return age >= 60_000 ? changed : undefined;
}

function lengthOf(header: string | undefined): number | undefined {
  return header === undefined || !/^\d+$/.test(header) ? undefined : Number(header);
}

/** `Retry-After`: seconds or a date. */
function waitOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** The unfinished file. */
class Part {
  readonly #task: DownloadTask;
  readonly #handle: FileHandle;
  #hash: Hash;
  #restarts = 0;
  /** Of the version that is here; see `markOf`. */
  mark: string | undefined;
  bytes: number;
  /** Size of the whole file, once somebody has said. */
  total: number | undefined;

  private constructor(task: DownloadTask, handle: FileHandle, hash: Hash, bytes: number, mark: string | undefined) {
    this.#task = task;
    this.#handle = handle;
    this.#hash = hash;
    this.bytes = bytes;
    this.mark = mark;
    this.total = task.bytes;
  }

  /** Takes up what an earlier try left, where it can be known to be of the same file. */
  static async open(task: DownloadTask): Promise<Part> {
    const known = await readState(`${task.file}.part.json`);
    const usable = known?.url === task.url && isProvable(task, known.mark);
    const handle = await openPart(`${task.file}.part`, usable);
    const hash = createHash('sha256');
    const bytes = usable ? await hashInto(hash, handle, task.signal) : 0;
    return new Part(task, handle, hash, bytes, usable ? known.mark : undefined);
  }

  /** Asks for the rest; for all where two halves could be of two files without anybody noticing. */
  async rangeHeaders(): Promise<Record<string, string>> {
    if (this.bytes > 0 && !isProvable(this.#task, this.mark)) await this.restart();
    if (this.bytes === 0) return {};
    const range = { range: `bytes=${this.bytes}-` };
    return this.mark === undefined ? range : { ...range, 'if-range': this.mark };
  }

  /** Knows the size now: is it the promised one, and is there room? */
  async begin(total: number | undefined, mark: string | undefined): Promise<void> {
    const { bytes: promised, file, url } = this.#task;
    if (total !== undefined && promised !== undefined && total !== promised) {
      throw new UserError('pull.size', `${url} has ${total} bytes, expected ${promised}; it is not the promised file.`);
    }
    this.total = total ?? promised;
    this.mark = mark;
    await checkRoom(file, (this.total ?? 0) - this.bytes);
    await writeFile(`${file}.part.json`, JSON.stringify({ url, mark }));
    this.#task.onProgress(this.bytes, this.total);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.bytes === 0) checkStart(this.#task, chunk);
    if (this.total !== undefined && this.bytes + chunk.length > this.total) {
      throw new UserError('pull.size', `${this.#task.url} sends more than the ${this.total} bytes it has.`);
    }
    await writeAt(this.#handle, chunk, this.bytes);
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    this.#task.onProgress(this.bytes, this.total);
  }

  async restart(): Promise<void> {
    if (this.bytes > 0 && ++this.#restarts > 3) {
      throw new DarkroomError('net.range', `${this.#task.url} cannot be resumed and keeps breaking off.`);
    }
    await this.#handle.truncate(0);
    this.#hash = createHash('sha256');
    this.bytes = 0;
    this.mark = undefined;
    this.total = this.#task.bytes;
  }

  async finish(): Promise<DownloadResult> {
    const { file, url, sha256: promised } = this.#task;
    const sha256 = this.#hash.digest('hex');
    if (promised !== undefined && promised !== sha256) {
      await discardPart(file);
      throw new UserError(
        'pull.hash',
        `${url} has the sha256 ${sha256}, expected ${promised}; it was damaged on the way or replaced, and has been removed.`,
      );
    }
    await this.#handle.sync();
    await rename(`${file}.part`, file);
    await rm(`${file}.part.json`, { force: true });
    return { bytes: this.bytes, sha256, wasThere: false };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Both halves of a resumed file are of one version: by its mark, or by the hash that the whole must have. */
function isProvable(task: DownloadTask, mark: string | undefined): boolean {
  return task.sha256 !== undefined || mark !== undefined;
}

async function openPart(file: string, keep: boolean): Promise<FileHandle> {
  if (!keep) return await open(file, 'w+');
  try {
    return await open(file, 'r+');
  } catch (error) {
    if (isMissing(error)) return await open(file, 'w+');
    throw error;
  }
}

async function writeAt(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** A login page with status 200 is not a model. */
function checkStart(task: DownloadTask, chunk: Buffer): void {
  const what = describeSignature(chunk.subarray(0, SIGNATURE_BYTES));
  if (what === undefined || !/web page|LFS/.test(what)) return;
  throw new UserError('pull.not-a-model', `${task.url} does not give the file but ${what}. It may need a login.`);
}

/** @throws DarkroomError `disk-full` when `needed` bytes more do not fit beside `file` */
export async function checkRoom(file: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(file));
  const free = bavail * bsize;
  if (free >= needed + marginBytes) return;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const message = `${file} needs ${mib(needed)} and there are ${mib(free)} free; make room or choose another folder.`;
  throw new DarkroomError('disk-full', message);
}

async function readState(file: string): Promise<{ url: string; mark?: string } | undefined> {
  try {
    const state = JSON.parse(await readFile(file, 'utf8')) as { url?: unknown; mark?: unknown };
    if (typeof state.url !== 'string') return undefined;
    return { url: state.url, mark: typeof state.mark === 'string' ? state.mark : undefined };
  } catch {
    return undefined;
  }
}

/** Feeds a whole file to a hash; returns its size. */
async function hashInto(hash: Hash, handle: FileHandle, signal?: AbortSignal): Promise<number> {
  const buffer = new Uint8Array(2 ** 20);
  for (let at = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return at;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}
