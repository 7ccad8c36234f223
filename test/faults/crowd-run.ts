/**
 * Twenty hostile pictures of one account at once, while another account looks at its gallery, has a picture made and
 * sends a picture of its own: the other must hardly notice.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { png, textChunk } from './hostile/bytes.ts';
import { hostilePictures } from './hostile/pictures.ts';
import { type Answered, ask } from './http-client.ts';
import { type Hold, ownMs } from './loop-watch.ts';
import { type ServerChild, startServer } from './server-child.ts';

export interface CrowdReport {
  readonly uploads: number;
  /** Of the crowd's uploads, from the first to the last answer. */
  readonly seconds: number;
  /** Answers of the crowd by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Of the other account: before, and during the crowd. */
  readonly before: OtherFigures;
  readonly during: OtherFigures;
  readonly hold: Hold & { readonly ownMs: number };
  readonly problems: readonly string[];
}

interface OtherFigures {
  readonly galleryRequests: number;
  /** Milliseconds of a request of the gallery. */
  readonly galleryMedianMs: number;
  readonly galleryWorstMs: number;
  /** Seconds until a picture was made, and until an upload was read. */
  readonly pictureSeconds: number;
  readonly uploadSeconds: number;
}

const atOnce = 20;
/** On a machine that others load ten times over; who waited for all of the crowd would wait for longer. */
const mostUploadSeconds = 30;
const mostGalleryMs = 5000;
const mostOwnMs = 50;

export async function crowdRun(tell: (line: string) => void = () => {}): Promise<CrowdReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-crowd-'));
  const server = await startServer({ root, engineOptions: { stepMs: 50 }, users: ['crowd', 'other'] });
  try {
    return await new CrowdRun(server, tell).run();
  } finally {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

class CrowdRun {
  readonly #server: ServerChild;
  readonly #tell: (line: string) => void;
  readonly #problems: string[] = [];

  constructor(server: ServerChild, tell: (line: string) => void) {
    this.#server = server;
    this.#tell = tell;
  }

  async run(): Promise<CrowdReport> {
    const pictures: string[] = [];
    for (const make of Object.values(hostilePictures()).slice(0, atOnce))
      pictures.push(Buffer.from(await make()).toString('base64'));
    await this.#other(Promise.resolve());
    const before = await this.#other(delay(5000));
    this.#tell('before the crowd');
    this.#server.reset();
    const start = performance.now();
    const answers = Promise.all(pictures.map(async (image) => await this.#upload('crowd', image)));
    await delay(100);
    const during = await this.#other(answers);
    const statuses = (await answers).map(({ status }) => status);
    const seconds = rounded((performance.now() - start) / 1000);
    const { held } = await this.#server.figures();
    const hold = { ...held, ownMs: ownMs(held) };
    this.#judge(statuses, during, hold.ownMs);
    const counted = Object.fromEntries(
      [...new Set(statuses)].map((each) => [each, statuses.filter((one) => one === each).length]),
    );
    return { uploads: pictures.length, seconds, statuses: counted, before, during, hold, problems: this.#problems };
  }

  /** What the other account does, until `over`, and how long it takes. */
  async #other(over: Promise<unknown>): Promise<OtherFigures> {
    let isOver = false;
    const gallery: number[] = [];
    const look = async () => {
      do {
        const from = performance.now();
        const { status } = await this.#ask('other', 'GET', '/api/v1/images?limit=50');
        if (status !== 200) this.#problems.push(`the gallery answered ${status}`);
        gallery.push(performance.now() - from);
        await delay(20);
      } while (!isOver);
    };
    const looking = look();
    const [pictureSeconds, uploadSeconds] = await Promise.all([
      timed(async () => {
        const body = { prompt: 'a fox', steps: 10 };
        const { status } = await this.#ask('other', 'POST', '/api/v1/jobs?wait=true', body);
        if (status >= 300) this.#problems.push(`a job of the other account was answered ${status}`);
      }),
      timed(async () => {
        const plain = png({}, [textChunk('parameters', 'a\nSteps: 1, Seed: 1, Sampler: Euler')]);
        const { status } = await this.#upload('other', plain.toString('base64'));
        if (status !== 200) this.#problems.push(`a picture of the other account was answered ${status}`);
      }),
    ]);
    await over;
    isOver = true;
    await looking;
    const sorted = gallery.toSorted((a, b) => a - b);
    return {
      galleryRequests: sorted.length,
      galleryMedianMs: rounded(sorted[sorted.length >> 1]!),
      galleryWorstMs: rounded(sorted.at(-1)!),
      pictureSeconds,
      uploadSeconds,
    };
  }

  #judge(statuses: readonly number[], during: OtherFigures, own: number): void {
    const crash = this.#server.crash();
    if (crash !== undefined) this.#problems.push(crash);
    if (statuses.some((status) => status >= 500)) this.#problems.push(`the crowd was answered ${statuses.join(', ')}`);
    if (during.galleryWorstMs > mostGalleryMs)
      this.#problems.push(`a request of the gallery took ${during.galleryWorstMs} ms`);
    if (during.uploadSeconds > mostUploadSeconds)
      this.#problems.push(`a picture of the other account waited ${during.uploadSeconds} s`);
    if (own > mostOwnMs) this.#problems.push(`the loop was held for ${Math.round(own)} ms`);
  }

  async #upload(user: string, image: string): Promise<Answered> {
    return await this.#ask(user, 'POST', '/sdapi/v1/png-info', { image });
  }

  async #ask(user: string, method: string, path: string, body?: unknown): Promise<Answered> {
    const token = this.#server.tokens[user];
    return await ask(this.#server.url, { method, path, body, token, timeoutMs: 300_000 });
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return rounded((performance.now() - from) / 1000);
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
