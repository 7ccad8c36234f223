/**
 * Many readers of the event stream while pictures are made. Those who stay get every event in order; those who are cut
 * off now and then and come back with Last-Event-ID get every event that is kept, once and in order.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EventClient, passingTypes } from './event-client.ts';
import { ask } from './http-client.ts';
import { type Random, seededRandom } from './random.ts';
import { type ServerChild, startServer } from './server-child.ts';
import type { ServerFigures } from './server-process.ts';

export interface EventsOptions {
  readonly clients: number;
  readonly seconds: number;
  readonly seed: number;
}

export interface EventsReport {
  readonly clients: number;
  readonly seconds: number;
  /** Events that happened, and all that were delivered. */
  readonly events: number;
  readonly delivered: number;
  readonly mebibytes: number;
  readonly cuts: number;
  readonly jobs: number;
  /** Before the readers came, with all of them at the end of the work, and when they had gone. */
  readonly before: ServerFigures;
  readonly during: ServerFigures;
  readonly after: ServerFigures;
  readonly problems: readonly string[];
}

/** A model that takes a while, so that events come as in real work. */
const engineOptions = { stepMs: 60 };
const shareCut = 0.5;

export async function eventsRun(options: EventsOptions): Promise<EventsReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-events-'));
  const server = await startServer({ root, engineOptions });
  try {
    return await new EventsRun(server, options).run();
  } finally {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

class Reader {
  readonly client: EventClient;
  readonly ids: number[] = [];
  readonly isCut: boolean;

  constructor(url: string, isCut: boolean, onReset: () => void) {
    this.isCut = isCut;
    this.client = new EventClient(url, undefined, ({ id, type }) => {
      if (type === 'reset') onReset();
      else if (!isCut || !passingTypes.includes(type)) this.ids.push(id);
    });
  }
}

class EventsRun {
  readonly #server: ServerChild;
  readonly #options: EventsOptions;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #problems: string[] = [];
  /** What happened, as the first reader saw it. */
  readonly #seen: { readonly id: number; readonly passing: boolean }[] = [];
  #readers: readonly Reader[] = [];
  #cuts = 0;
  #jobs = 0;
  #over = false;

  constructor(server: ServerChild, options: EventsOptions) {
    this.#server = server;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<EventsReport> {
    const { clients, seconds } = this.#options;
    const url = `${this.#server.url}/api/v1/events`;
    const reference = new EventClient(url, undefined, ({ id, type }) =>
      this.#seen.push({ id, passing: passingTypes.includes(type) }),
    );
    await reference.open();
    await this.#makePicture();
    const before = await this.#server.figures();
    await this.#openReaders(url);
    this.#server.reset();
    const cutting = this.#cutNowAndThen();
    for (const end = Date.now() + seconds * 1000; Date.now() < end; ) await this.#makePicture();
    this.#over = true;
    await cutting;
    await delay(1500);
    const during = await this.#server.figures();
    this.#judge();
    const mebibytes = this.#readers.reduce((sum, { client }) => sum + client.bytes, 0) / 2 ** 20;
    for (const { client } of this.#readers) client.cut();
    await delay(1500);
    const after = await this.#server.figures();
    reference.cut();
    // Of the server's own: the metrics, and the reference.
    if (after.eventClients > before.eventClients)
      this.#problems.push(`${after.eventClients - before.eventClients} readers are still listened for`);
    return {
      clients,
      seconds,
      events: this.#seen.length,
      delivered: this.#readers.reduce((sum, { ids }) => sum + ids.length, 0),
      mebibytes: Math.round(mebibytes),
      cuts: this.#cuts,
      jobs: this.#jobs,
      before,
      during,
      after,
      problems: this.#problems.slice(0, 20),
    };
  }

  async #makePicture(): Promise<void> {
    const body = { prompt: `picture ${this.#jobs++}`, steps: 6, batchCount: 2 };
    const answer = await ask(this.#server.url, {
      method: 'POST',
      path: '/api/v1/jobs?wait=true',
      body,
      agent: this.#agent,
    });
    if (answer.status !== 201) this.#problems.push(`a job was answered ${answer.status}`);
  }

  async #openReaders(url: string): Promise<void> {
    const { clients } = this.#options;
    this.#readers = Array.from(
      { length: clients },
      (_, n) =>
        new Reader(url, n < clients * shareCut, () => this.#problems.push(`reader ${n} was sent back to the start`)),
    );
    for (let n = 0; n < clients; n += 50) {
      await Promise.all(this.#readers.slice(n, n + 50).map(async ({ client }) => await client.open()));
    }
  }

  async #cutNowAndThen(): Promise<void> {
    const cut = this.#readers.filter((reader) => reader.isCut);
    while (!this.#over && cut.length > 0) {
      const { client } = this.#random.pick(cut);
      // Nothing to resume from yet: what it missed nobody knows.
      if (client.lastId !== undefined) {
        client.cut();
        this.#cuts++;
        await delay(this.#random.between(0, 40));
        await client.open();
      }
      await delay(Math.max(1, 10_000 / cut.length));
    }
  }

  #judge(): void {
    const all = this.#seen.map(({ id }) => id);
    const kept = this.#seen.filter(({ passing }) => !passing).map(({ id }) => id);
    for (const [n, reader] of this.#readers.entries()) {
      const expected = reader.isCut ? kept : all;
      const from = expected.indexOf(reader.ids[0] ?? -1);
      const wanted = from < 0 ? [] : expected.slice(from);
      const wrong = reader.ids.findIndex((id, i) => id !== wanted[i]);
      if (from < 0) this.#problems.push(`reader ${n} got nothing that happened`);
      else if (wrong >= 0)
        this.#problems.push(`reader ${n} got event ${reader.ids[wrong]} where ${wanted[wrong]} was due`);
      else if (reader.ids.length !== wanted.length)
        this.#problems.push(`reader ${n} missed the last ${wanted.length - reader.ids.length} events`);
      if (reader.client.ends > 0) this.#problems.push(`the server ended the stream of reader ${n}`);
    }
  }
}
