/**
 * Inputs that were made to hold a server up, to fill its memory or to end it: packed texts, lying sizes, nested and
 * repeated everything, in pictures, models, bodies, forms, prompts and lists. None may hold the event loop, pass the
 * memory that is stated, end a process or be answered with a failure.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { png, textChunk } from './hostile/bytes.ts';
import { grownRequests, growStudio } from './hostile/grown.ts';
import { hostileModels, writeHostileModels } from './hostile/models.ts';
import { hostilePictures } from './hostile/pictures.ts';
import { type HostileRequest, hostileRequests } from './hostile/requests.ts';
import { hostileSockets } from './hostile/sockets.ts';
import { ask } from './http-client.ts';
import { type Hold, ownMs } from './loop-watch.ts';
import { type ServerChild, startServer } from './server-child.ts';

export interface HostileOptions {
  /** Only those whose name has this in it, or one of several between `|`. */
  readonly only?: string;
  /** Every so manieth; default 1, all. Models are left out then. */
  readonly every?: number;
  /** Leaves out what is large and so takes long; default no. */
  readonly small?: boolean;
  /** Milliseconds that no input may hold the loop for; default 50. */
  readonly mostHeldMs?: number;
  readonly tell?: (line: string) => void;
}

export interface Tried {
  readonly name: string;
  readonly status: number;
  readonly seconds: number;
  /** Milliseconds that the event loop was held at worst. */
  readonly heldMs: number;
  /** Of them, those in which its thread computed, garbage was collected, and a process was started. */
  readonly ranMs: number;
  readonly gcMs: number;
  readonly startMs: number;
  /** What of it is judged (loop-watch.ts). */
  readonly ownMs: number;
  /** Mebibytes at the height: of the server, and of the largest of its readers and engines. */
  readonly serverMib: number;
  readonly readerMib: number;
}

export interface HostileReport {
  readonly inputs: number;
  readonly worstHeldMs: number;
  readonly worstOwnMs: number;
  readonly serverMib: number;
  readonly readerMib: number;
  /** The five that held the loop longest, and those that took most memory. */
  readonly longest: readonly Tried[];
  readonly largest: readonly Tried[];
  readonly problems: readonly string[];
}

const isAskedFor = (name: string, only: string): boolean => only.split('|').some((part) => name.includes(part));

/** No input may hold the loop longer, on a machine that has nothing else to do. */
const defaultHeldMs = 50;
/** What engines of JavaScript say, where a sentence should be. */
const unclear =
  /RangeError|TypeError|SyntaxError|Maximum call stack|is not a function|Invalid (array|string|typed)|out of bounds|Cannot read prop|\[object /;
/** As names tell it. */
const isLarge = (name: string): boolean => /\d MiB|mebibyte|gibibyte|8192|million|never read|nobody reads/.test(name);
/** Stated in docs/RELIABILITY.md; half as much again is a fault. */
const serverMib = 768;
const readerMib = 2048;

export async function hostileRun(options: HostileOptions = {}): Promise<HostileReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-hostile-'));
  const models = join(root, 'models');
  try {
    const isWanted = (name: string) => options.only === undefined || isAskedFor(name, options.only);
    const wantsModels = Object.keys(hostileModels()).some(isWanted);
    if (wantsModels && (options.every ?? 1) === 1) writeHostileModels(models, isWanted);
    const server = await startServer({ root, engineOptions: { stepMs: 0 }, modelRoots: [models] });
    try {
      const grow = () => growStudio(root, models);
      return await new HostileRun(server, options, grow).run(wantsModels);
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

class HostileRun {
  readonly #server: ServerChild;
  readonly #options: HostileOptions;
  readonly #grow: () => void;
  readonly #tried: Tried[] = [];
  readonly #problems: string[] = [];
  #seen = 0;

  constructor(server: ServerChild, options: HostileOptions, grow: () => void) {
    this.#server = server;
    this.#options = options;
    this.#grow = grow;
  }

  async run(wantsModels: boolean): Promise<HostileReport> {
    await this.#warm();
    for (const request of hostileRequests()) await this.#try(request.name, async () => [request]);
    for (const [name, make] of Object.entries(hostilePictures())) {
      await this.#try(`picture: ${name}`, async () => picturesOf(await make()));
    }
    for (const [name, flood] of Object.entries(hostileSockets)) await this.#trySocket(`sockets: ${name}`, flood);
    await this.#try('40 jobs of one picture of 8192 x 8192 at once', async () => await together(40), true);
    await this.#try('12 bodies of 100 MiB at once', async () => largeBodies(12), true);
    if (wantsModels && (this.#options.every ?? 1) === 1) await this.#tryModels();
    await this.#tryGrown();
    await delay(500);
    const crash = this.#server.crash();
    if (crash !== undefined && !this.#problems.some((each) => each.endsWith(crash))) this.#problems.push(crash);
    return this.#report();
  }

  /** Code that is loaded when it is first needed is loaded before anything is measured. */
  async #warm(): Promise<void> {
    const plain = png({}, [textChunk('parameters', 'a\nSteps: 1, Seed: 1')]);
    const image = plain.toString('base64');
    const ask = async (path: string, body: unknown) => await this.#ask({ method: 'POST', path, body });
    for (const request of picturesOf(plain)) await this.#ask(request);
    await ask('/sdapi/v1/txt2img', { prompt: '__a__ {a|b}', styles: ['a'], steps: 1 });
    await ask('/sdapi/v1/img2img', { prompt: 'a', init_images: [image], steps: 1 });
    await ask('/v1/images/generations', { prompt: 'a' });
    await ask('/v1/images/edits', { prompt: 'a', image: [] });
    await ask('/api/v1/images/trash', { ids: ['aaaaaaaaaaaaaaaa'] });
    for (const path of [
      '/api/v1/jobs?limit=1',
      '/api/v1/images?text=a',
      '/api/v1/models',
      '/api/v1/families',
      '/api',
      '/api/openapi.json',
    ]) {
      await this.#ask({ method: 'GET', path });
    }
    await delay(1000);
  }

  /** Sends one after the other, or all at once, and judges what that did to the server. */
  async #try(
    name: string,
    make: () => Promise<readonly Omit<HostileRequest, 'name'>[]>,
    atOnce = false,
  ): Promise<void> {
    if (!this.#isTurnOf(name)) return;
    const requests = await make();
    await this.#watched(name, async () => {
      const answers = atOnce ? await Promise.all(requests.map((one) => this.#ask(one))) : await this.#inTurn(requests);
      return Math.max(...answers);
    });
    this.#tell();
  }

  async #trySocket(name: string, flood: (url: string) => Promise<void>): Promise<void> {
    if (!this.#isTurnOf(name)) return;
    await this.#watched(name, async () => {
      await flood(this.#server.url).catch((error: Error) => this.#problems.push(`${name}: ${error.message}`));
      // It still answers, at once.
      return await this.#ask({ method: 'GET', path: '/healthz' });
    });
    this.#tell();
  }

  #isTurnOf(name: string): boolean {
    const { only, every = 1, small = false } = this.#options;
    if (small && isLarge(name)) return false;
    if (only !== undefined && !isAskedFor(name, only)) return false;
    return this.#seen++ % every === 0 && this.#server.crash() === undefined;
  }

  #tell(): void {
    const last = this.#tried.at(-1)!;
    this.#options.tell?.(
      `${last.status} ${last.heldMs} ms (own ${last.ownMs}, ran ${last.ranMs}, garbage ${last.gcMs}, starts ${last.startMs}) ${last.serverMib}/${last.readerMib} MiB ${last.seconds} s: ${last.name}`,
    );
  }

  async #inTurn(requests: readonly Omit<HostileRequest, 'name'>[]): Promise<number[]> {
    const statuses: number[] = [];
    for (const request of requests) statuses.push(await this.#ask(request));
    return statuses;
  }

  async #ask(request: Omit<HostileRequest, 'name'>): Promise<number> {
    const isStream = request.path.startsWith('/api/v1/events');
    try {
      const timeoutMs = isStream ? 1500 : 150_000;
      const { status, text } = await ask(this.#server.url, { ...request, timeoutMs });
      // 501 names what is not there, 503 and 507 what is not there now.
      if (status >= 500 && ![501, 503, 507].includes(status))
        this.#problems.push(`${request.path} was answered ${status}: ${text.slice(0, 200)}`);
      if (status >= 400 && unclear.test(text))
        this.#problems.push(`${request.path} was answered what nobody understands: ${text.slice(0, 300)}`);
      return status;
    } catch (error) {
      const { message } = error as Error;
      if (!isStream) this.#options.tell?.(`${request.path}: ${message}`);
      if (message.startsWith('no answer') && !isStream) this.#problems.push(`${request.path}: ${message}`);
      return 0;
    }
  }

  async #watched(name: string, work: () => Promise<number>): Promise<void> {
    await this.#server.figures();
    await delay(30);
    this.#server.reset();
    resetPeak(this.#server.pid);
    const readers = new ChildWatch(this.#server.pid);
    const start = performance.now();
    const status = await work();
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    await delay(20);
    const hold = this.#server.crash() === undefined ? (await this.#server.figures()).held : undefined;
    const serverPeak = memoryOf(this.#server.pid, 'VmHWM');
    const tried = { name, status, seconds, ...told(hold), serverMib: serverPeak, readerMib: readers.stop() };
    this.#tried.push(tried);
    const crash = this.#server.crash();
    if (crash !== undefined) this.#problems.push(`${name}: ${crash}`);
    if (tried.ownMs > (this.#options.mostHeldMs ?? defaultHeldMs))
      this.#problems.push(`${name}: held the loop for ${tried.ownMs} ms`);
    if (serverPeak > 1.5 * serverMib) this.#problems.push(`${name}: the server took ${serverPeak} MiB`);
    if (tried.readerMib > 1.5 * readerMib) this.#problems.push(`${name}: a reader took ${tried.readerMib} MiB`);
  }

  /** All of them at once, as they lie in the folder; then what is asked of each. */
  async #tryModels(): Promise<void> {
    const get = (path: string): Omit<HostileRequest, 'name'> => ({ method: 'GET', path });
    await this.#try('models: a look at all of them', async () => [{ method: 'POST', path: '/api/v1/models/refresh' }]);
    const { models } = (await ask(this.#server.url, get('/api/v1/models'))).json as {
      models: { id: string; name: string; problem?: string }[];
    };
    for (const { id, name, problem = '' } of models) {
      if (unclear.test(problem)) this.#problems.push(`${name} is told to be what nobody understands: ${problem}`);
      await this.#try(`model: ${name}`, async () =>
        ['metadata', 'limits', 'preview'].map((what) => get(`/api/v1/models/${id}/${what}`)),
      );
    }
    await this.#try('models: styles and word lists', async () => [
      get('/api/v1/styles'),
      ...[
        { prompt: '__round__ __long__', styles: ['a'] },
        { prompt: '__ring-a__' },
        ...['pipe', 'zero', 'holes'].map((name) => ({ prompt: `__${name}__ __${name}/a__` })),
        { prompt: '__tower-0__ __tower-30__' },
        { prompt: '{__tower-1__|__tower-1__}'.repeat(2000) },
        { prompt: 'a', styles: ['ring', 'itself'] },
        { prompt: 'a '.repeat(1000), styles: Array(60).fill('twice') },
      ].map((body) => ({ method: 'POST', path: '/api/v1/jobs', body: { ...body, steps: 1 } })),
    ]);
    await this.#try('models: all as adapters', async () => [get('/sdapi/v1/loras'), get('/sdapi/v1/sd-models')]);
  }

  /** Last, since it stays grown. */
  async #tryGrown(): Promise<void> {
    const { only, every = 1 } = this.#options;
    const asked = Object.entries(grownRequests()).map(([what, requests]) => [`grown: ${what}`, requests] as const);
    if (every !== 1 || !asked.some(([name]) => only === undefined || isAskedFor(name, only))) return;
    this.#grow();
    for (const [name, requests] of asked) await this.#try(name, async () => requests, requests.length > 1);
  }

  #report(): HostileReport {
    const top = (key: 'ownMs' | 'serverMib') => this.#tried.toSorted((a, b) => b[key] - a[key]).slice(0, 8);
    const most = (key: 'heldMs' | 'ownMs' | 'serverMib' | 'readerMib') =>
      Math.max(0, ...this.#tried.map((one) => one[key]));
    return {
      inputs: this.#tried.length,
      worstHeldMs: most('heldMs'),
      worstOwnMs: most('ownMs'),
      serverMib: most('serverMib'),
      readerMib: most('readerMib'),
      longest: top('ownMs'),
      largest: top('serverMib'),
      problems: this.#problems,
    };
  }
}

function told(hold: Hold | undefined): Pick<Tried, 'heldMs' | 'ranMs' | 'gcMs' | 'startMs' | 'ownMs'> {
  const { heldMs, ranMs, gcMs, startMs } = hold ?? { heldMs: 0, ranMs: 0, gcMs: 0, startMs: 0 };
  const own = hold ? ownMs(hold) : 0;
  const [held, ran, gc, start, mine] = [heldMs, ranMs, gcMs, startMs, own].map(Math.round);
  return { heldMs: held!, ranMs: ran!, gcMs: gc!, startMs: start!, ownMs: mine! };
}

/** A picture is looked into for its texts, and started from. */
function picturesOf(bytes: Uint8Array): Omit<HostileRequest, 'name'>[] {
  const base64 = Buffer.from(bytes).toString('base64');
  return [
    { method: 'POST', path: '/sdapi/v1/png-info', body: { image: base64 } },
    { method: 'POST', path: '/api/v1/jobs', body: { prompt: 'a', steps: 1, width: 64, height: 64, init: base64 } },
  ];
}

async function together(count: number): Promise<Omit<HostileRequest, 'name'>[]> {
  const bytes = await hostilePictures()['8192 x 8192 of one colour']!();
  return Array.from({ length: count }, () => picturesOf(bytes)[1]!);
}

function largeBodies(count: number): Omit<HostileRequest, 'name'>[] {
  const body = `{"prompt":"a","steps":1,"init":"${'A'.repeat(100 * 2 ** 20)}"}`;
  const headers = { 'content-type': 'application/json' };
  return Array.from({ length: count }, () => ({ method: 'POST', path: '/api/v1/jobs', headers, body }));
}

/** Begins the height of a process's memory anew (Linux, proc(5): clear_refs). */
function resetPeak(pid: number): void {
  try {
    // 5: the height of the resident memory.
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Not everywhere; the height is of the whole life then.
  }
}

/** Mebibytes; 0 where the system does not tell. */
function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  try {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  } catch {
    return 0;
  }
}

/** The largest that any child of a process was. */
class ChildWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #most = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), 100);
  }

  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#most;
  }

  #look(): void {
    for (const child of childrenOf(this.#pid)) this.#most = Math.max(this.#most, memoryOf(child, 'VmRSS'));
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
