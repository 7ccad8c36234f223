/**
 * Malformed requests by the thousand, as everybody who may ask, to every route that the server describes. It may refuse them as it likes, but must
 * not fail (5xx other than 501, which names a part that is not there), must not fall silent, and must not keep memory.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answered, ask } from './http-client.ts';
import { malformed, type Operation, operationsOf } from './malformed.ts';
import { type Random, seededRandom } from './random.ts';
import { anyRawRequest, sendRaw } from './raw-requests.ts';
import { adminToken, type ServerChild, startServer } from './server-child.ts';
import type { ServerFigures, ServerOrders } from './server-process.ts';

export const fuzzRoles = ['admin', 'user', 'viewer', 'nobody'] as const;
type FuzzRole = (typeof fuzzRoles)[number];

/** What each role must leave as it was, by the addresses that tell it. */
const untouchable: Readonly<Record<FuzzRole, readonly string[]>> = {
  admin: [],
  user: ['/api/v1/settings', '/api/v1/users'],
  viewer: ['/api/v1/settings', '/api/v1/users', '/api/v1/jobs', '/api/v1/boards'],
  nobody: ['/api/v1/settings', '/api/v1/users', '/api/v1/jobs', '/api/v1/boards'],
};

export interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  /** Who asks; default: everything is open. */
  readonly role?: FuzzRole;
  readonly tell?: (line: string) => void;
}

export interface FuzzReport {
  readonly requests: number;
  readonly operations: number;
  /** Answers by status; 0 is a socket that was closed without one, as HTTP itself demands for some. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Once half of the requests were answered, and after all, each after a garbage collection. */
  readonly before: ServerFigures;
  readonly after: ServerFigures;
  readonly problems: readonly string[];
}

const atOnce = 8;
/** Of requests; the others are bytes that are no HTTP. */
const shareOfHttp = 0.93;
/** What is not a leak: caches that fill, and pages that the allocator keeps. */
const allowedHeapGrowth = 24 * 2 ** 20;
const maxProblems = 20;
/** Answers when it has something to say, not when it is done. */
const isStream = (path: string) => /^\/api\/v1\/(events|ws)(\?|$)/.test(path);

/** Nothing that a request names is asked for outside of this machine. */
const environment = {
  HF_ENDPOINT: 'http://127.0.0.1:9',
  CIVITAI_ENDPOINT: 'http://127.0.0.1:9',
};

export async function fuzzRun({ count, seed, role, tell = () => {} }: FuzzOptions): Promise<FuzzReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-fuzz-'));
  const server = await startServer({ root, engineOptions: { stepMs: 0 }, ...accountsOf(role) }, environment);
  try {
    const document = (await ask(server.url, { method: 'GET', path: '/api/openapi.json', token: adminToken })).json;
    const operations = operationsOf(document as Record<string, unknown>);
    const run = new FuzzRun(server, operations, seededRandom(seed), role);
    const told = await run.look();
    await run.send(Math.floor(count / 2), tell);
    const before = await run.settle();
    await run.send(count - Math.floor(count / 2), tell);
    const after = await run.settle();
    await run.compare(told);
    return run.report(before, after);
  } finally {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Longer than a reader or an engine may take to start on a machine that others load. */
const patienceMs = 200_000;
const resumeMs = 5000;

function accountsOf(role: FuzzRole | undefined): Partial<ServerOrders> {
  return role === undefined ? {} : { users: ['asker'], roles: { asker: role === 'nobody' ? 'viewer' : role } };
}

class FuzzRun {
  readonly #server: ServerChild;
  readonly #operations: readonly Operation[];
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  readonly #statuses: Record<string, number> = {};
  readonly #problems: string[] = [];
  #sent = 0;

  readonly #role: FuzzRole | undefined;

  constructor(server: ServerChild, operations: readonly Operation[], random: Random, role: FuzzRole | undefined) {
    this.#role = role;
    this.#server = server;
    this.#operations = operations;
    this.#random = random;
  }

  async send(count: number, tell: (line: string) => void): Promise<void> {
    const end = this.#sent + count;
    const sender = async () => {
      while (this.#sent < end && this.#problems.length < maxProblems && this.#server.crash() === undefined) {
        const n = ++this.#sent;
        if (n % 1000 === 0) tell(`${n} requests`);
        if (this.#random.next() < shareOfHttp) await this.#sendHttp();
        else await this.#sendRaw();
      }
    };
    // Who may pause the queue does, and the requests that wait for pictures would wait for good.
    const letGoOn = async () =>
      await ask(this.#server.url, { method: 'POST', path: '/api/v1/queue/resume', token: adminToken }).catch(() => {});
    const resuming = setInterval(() => void letGoOn(), resumeMs);
    await Promise.all(Array.from({ length: atOnce }, sender));
    clearInterval(resuming);
    const crash = this.#server.crash();
    if (crash !== undefined) this.#problems.push(crash);
  }

  /** What the role must not change, as an admin sees it. */
  async look(): Promise<ReadonlyMap<string, string>> {
    const told = new Map<string, string>();
    for (const path of this.#role === undefined ? [] : untouchable[this.#role]) {
      const { status, text } = await ask(this.#server.url, { method: 'GET', path, token: adminToken });
      if (status !== 200) this.#problems.push(`${path} answers ${status}`);
      // When somebody was last seen is no change of theirs.
      told.set(path, text.replaceAll(/"(lastSeenAt|lastUsedAt|seenAt|usedAt)":\d+/g, ''));
    }
    return told;
  }

  async compare(before: ReadonlyMap<string, string>): Promise<void> {
    for (const [path, text] of await this.look()) {
      if (before.get(path) !== text) this.#problems.push(`${this.#role} changed ${path}: ${text.slice(0, 300)}`);
    }
  }

  /** Empties the queue, so that what is left is what the server keeps. */
  async settle(): Promise<ServerFigures> {
    await ask(this.#server.url, { method: 'POST', path: '/api/v1/queue/resume', token: adminToken });
    await ask(this.#server.url, { method: 'POST', path: '/api/v1/queue/cancel', token: adminToken });
    await ask(this.#server.url, { method: 'POST', path: '/api/v1/queue/clear', token: adminToken });
    await delay(2000);
    await this.#server.figures();
    await delay(200);
    return await this.#server.figures();
  }

  report(before: ServerFigures, after: ServerFigures): FuzzReport {
    const grown = after.heap + after.external - before.heap - before.external;
    if (grown > allowedHeapGrowth)
      this.#problems.push(`${Math.round(grown / 2 ** 20)} MiB more are in use after the second half of the requests`);
    const { length: operations } = this.#operations;
    const statuses = Object.fromEntries(Object.entries(this.#statuses).toSorted());
    return { requests: this.#sent, operations, statuses, before, after, problems: this.#problems };
  }

  async #sendHttp(): Promise<void> {
    const foreign = this.#foreign();
    const plain = malformed(this.#operation(), this.#random);
    const token = this.#role === 'nobody' ? undefined : this.#server.tokens.asker;
    const question = { ...plain, token, headers: { ...plain.headers, ...foreign } };
    const what = `${question.fault}: ${question.method} ${question.path.slice(0, 200)}`;
    try {
      const timeoutMs = isStream(question.path) ? 300 : patienceMs;
      const answer = await ask(this.#server.url, { ...question, agent: this.#agent, timeoutMs });
      this.#count(answer.status);
      const isLetIn = foreign !== undefined && answer.status < 400 && question.method !== 'OPTIONS';
      const problem = isLetIn ? `let in from ${JSON.stringify(foreign)}` : judge(answer, question.method);
      if (problem !== undefined) this.#problems.push(`${what}: ${problem} ${bodyOf(question.body)}`);
    } catch (error) {
      this.#count(0);
      const message = (error as Error).message;
      const refused = /ECONNRESET|EPIPE|socket hang up|Invalid character|Invalid value/.test(message);
      if (!refused && !isStream(question.path)) this.#problems.push(`${what}: ${message} ${bodyOf(question.body)}`);
    }
  }

  /** Now and then a page of somewhere else asks, or by a name that is not ours. */
  #foreign(): Readonly<Record<string, string>> | undefined {
    const dice = this.#random.next();
    if (dice < 0.03) return { origin: 'https://elsewhere.example' };
    // Whoever says who they are may call the server as they like.
    return dice < 0.06 && this.#role === undefined ? { host: 'rebound.example' } : undefined;
  }

  /** Mostly one that takes something. */
  #operation(): Operation {
    const one = this.#random.pick(this.#operations);
    if (one.body || one.parameters.length > 0 || this.#random.next() < 0.3) return one;
    return this.#operation();
  }

  async #sendRaw(): Promise<void> {
    const name = anyRawRequest(this.#random);
    const status = await sendRaw(this.#server.url, name);
    this.#count(status);
    // 505: a version of HTTP that is not spoken, 501 and the like are no failures of ours.
    if (status >= 500 && status !== 501 && status !== 505) this.#problems.push(`${name}: ${status}`);
  }

  #count(status: number): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
  }
}

function judge({ status, headers, text, json }: Answered, method: string): string | undefined {
  const namesPart = /feature[._]missing/.test(text) || method === 'HEAD';
  if (status >= 500 && !(status === 501 && namesPart)) return `${status} ${text.slice(0, 300)}`;
  const ours = headers['x-request-id'] !== undefined;
  if (status >= 400 && ours && text !== '' && (typeof json !== 'object' || json === null))
    return `${status} is not told as JSON: ${text.slice(0, 200)}`;
  if (/node_modules|\/src\/|\n {4}at /.test(status >= 400 ? text : ''))
    return `${status} shows the inside: ${text.slice(0, 300)}`;
  return undefined;
}

function bodyOf(body: unknown): string {
  const text =
    typeof body === 'string'
      ? body
      : body instanceof Uint8Array
        ? Buffer.from(body).toString('hex')
        : JSON.stringify(body);
  return text === undefined ? '' : `<- ${text.slice(0, 200)}`;
}
