/**
 * What happens to a disk and a clock under a real server: its database removed, its pictures removed, the disk full, the
 * clock forty days ahead and an hour back; and migrations that are killed half-way. Nothing promised may be lost,
 * nothing may be taken that cannot be kept, and what is wrong must be told.
 */

import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import { type Database, openDatabase } from '#studio/store/database';
import { migrate, schemaVersion } from '#studio/store/migrate';
import { migrations } from '#studio/store/migrations';
import { type Answered, ask } from './http-client.ts';
import { type Random, seededRandom } from './random.ts';
import { type ServerChild, startServer } from './server-child.ts';
import type { ServerOrders } from './server-process.ts';

export interface TroubleReport {
  /** Each with what was seen. */
  readonly tried: Readonly<Record<string, string>>;
  readonly migrationKills: number;
  readonly problems: readonly string[];
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** @param kills of migrations */
export async function troubleRun(kills: number, seed: number, tell: (line: string) => void): Promise<TroubleReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-trouble-'));
  const run = new TroubleRun();
  try {
    for (const [name, attempt] of Object.entries(attempts)) {
      mkdirSync(join(root, name), { recursive: true });
      run.tried[name] = await attempt(run, join(root, name)).catch((error: Error) => {
        run.problems.push(`${name}: ${error.message}`);
        return 'failed';
      });
      tell(`${name}: ${run.tried[name]}`);
    }
    const migrationKills = await run.killMigrations(join(root, 'migrations'), kills, seededRandom(seed));
    return { tried: run.tried, migrationKills, problems: run.problems };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

type Attempt = (run: TroubleRun, root: string) => Promise<string>;

const attempts: Readonly<Record<string, Attempt>> = {
  'database removed': async (run, root) => await run.removed(root, ['studio.db', 'studio.db-wal', 'studio.db-shm']),
  'outputs removed': async (run, root) => await run.removed(root, []),
  'clock forty days ahead': async (run, root) => await run.clockAhead(root),
  'clock an hour back': async (run, root) => await run.clockBack(root),
  'disk full': async (run, root) => await run.fullDisk(root),
};

class TroubleRun {
  readonly tried: Record<string, string> = {};
  readonly problems: string[] = [];

  /** Removes files of the data folder, or else the pictures, for good. */
  async removed(root: string, names: readonly string[]): Promise<string> {
    return await this.#serving(root, {}, async (server) => {
      await draw(server);
      const gone = names.length > 0 ? names.map((name) => join(root, 'data', name)) : [join(root, 'outputs')];
      for (const path of gone) rmSync(path, { recursive: true, force: true });
      const { status } = await post(server, '/api/v1/jobs', { prompt: 'lost', steps: 1 });
      const ready = await get(server, '/readyz');
      this.#expect(status === 503, `a job was answered ${status} with ${gone[0]} away`);
      this.#expect(ready.status === 503, `/readyz answers ${ready.status} with ${gone[0]} away`);
      this.#expect(!ready.text.includes(root), `/readyz tells where files lie: ${ready.text}`);
      await server.stop();
      return await this.#serving(root, {}, async (again) => {
        const job = await draw(again);
        const rebuilt = await post(again, '/api/v1/gallery/rebuild', {});
        const { total } = (await get(again, '/api/v1/images?limit=1')).json as { total: number };
        const left = names.length > 0 ? 2 : 1;
        this.#expect(job.status < 300, `after a new start a job is answered ${job.status}`);
        this.#expect(total >= left, `after a rebuild (${rebuilt.status}) there are ${total} pictures, not ${left}`);
        return `refused with ${status}; after a new start and a rebuild ${total} pictures`;
      });
    });
  }

  async clockAhead(root: string): Promise<string> {
    const clockFile = join(root, 'clock');
    writeFileSync(clockFile, '0');
    const trashed = await this.#serving(root, { clockFile }, async (server) => {
      await draw(server);
      const { images } = (await get(server, '/api/v1/images')).json as { images: { id: string }[] };
      await post(server, '/api/v1/images/trash', { ids: images.map(({ id }) => id) });
      return images.length;
    });
    writeFileSync(clockFile, String(40 * dayMs));
    const after = await this.#serving(root, { clockFile }, async (server) => {
      await delay(1000);
      const job = await draw(server);
      this.#expect(job.status < 300, `forty days ahead a job is answered ${job.status}`);
      writeFileSync(clockFile, '0');
      await delay(500);
      const back = await draw(server);
      this.#expect(back.status < 300, `back from forty days ahead a job is answered ${back.status}`);
      const { total } = (await get(server, '/api/v1/images?trashed=true')).json as { total: number };
      return total;
    });
    this.#expect(after === trashed, `${trashed} pictures were in the trash, ${after} are`);
    return `${after} of ${trashed} still in the trash, jobs made before, during and after`;
  }

  async clockBack(root: string): Promise<string> {
    const clockFile = join(root, 'clock');
    writeFileSync(clockFile, '0');
    return await this.#serving(root, { clockFile, users: ['ann'], rateLimit: true }, async (server) => {
      const token = server.tokens.ann!;
      for (let i = 0; i < 20; i++) await ask(server.url, { method: 'GET', path: '/api/v1/jobs', token });
      writeFileSync(clockFile, String(-hourMs));
      await delay(500);
      const statuses: number[] = [];
      for (let i = 0; i < 50; i++)
        statuses.push((await ask(server.url, { method: 'GET', path: '/api/v1/jobs', token })).status);
      const refused = statuses.filter((status) => status !== 200).length;
      this.#expect(refused === 0, `${refused} of 50 requests were refused after the clock went back: ${statuses}`);
      const jobs: string[] = [];
      for (const offset of [-hourMs, 0]) {
        writeFileSync(clockFile, String(offset));
        await delay(300);
        const body = { prompt: 'a', steps: 1 };
        const answer = await ask(server.url, { method: 'POST', path: '/api/v1/jobs?wait=true', body, token });
        jobs.push((answer.json as { job: { id: string } }).job.id);
      }
      const told = await ask(server.url, { method: 'GET', path: '/api/v1/jobs?order=recent', token });
      const { jobs: listed } = told.json as { jobs: { id: string }[] };
      this.#expect(listed[0]?.id === jobs[1], 'the newest job is not the first of those that are recent');
      return `${statuses.length - refused} of 50 requests answered, jobs in their order`;
    });
  }

  /** A disk of its own, where the system lets us make one. */
  async fullDisk(root: string): Promise<string> {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).status !== 0)
      return 'left out: no file system can be mounted here';
    try {
      return await this.#serving(disk, { engineOptions: { stepMs: 300 } }, async (server) => {
        const accepted: string[] = [];
        const take = async (prompt: string) => {
          const { status, json } = await post(server, '/api/v1/jobs', { prompt, steps: 2, batchCount: 2 });
          if (status < 300) accepted.push((json as { job: { id: string } }).job.id);
          return status;
        };
        for (let i = 0; i < 5; i++) await take(`before ${i}`);
        await delay(500);
        const filler = join(disk, 'filler');
        spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']);
        const statuses: number[] = [];
        for (let i = 0; i < 5; i++) statuses.push(await take(`full ${i}`));
        await delay(4000);
        const shown = (await get(server, '/api/v1/images')).status;
        this.#expect(shown === 200, `the gallery answers ${shown} on a full disk`);
        rmSync(filler);
        await delay(2000);
        await post(server, '/api/v1/queue/resume', {});
        await post(server, '/api/v1/queue/retry', {});
        const ended = await Promise.all(accepted.map((id) => this.#ended(server, id)));
        const done = ended.filter((state) => state === 'done').length;
        this.#expect(done === accepted.length, `${accepted.length} jobs were taken, ${done} done: ${ended.join(', ')}`);
        const after = await draw(server);
        this.#expect(after.status < 300, `with room again a job is answered ${after.status}: ${after.text}`);
        return `answers on the full disk: ${statuses.join(' ')}; all ${done} that were taken are done after room was made`;
      });
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  }

  async #ended(server: ServerChild, id: string): Promise<string> {
    for (let waited = 0; waited < 300; waited++) {
      const { json } = await get(server, `/api/v1/jobs/${id}`);
      const { state } = (json as { job: { state: string } }).job;
      if (!['queued', 'running', 'paused'].includes(state)) return state;
      await delay(200);
    }
    return 'open';
  }

  /** Of a database of the first version with many rows; what is left is whole, of one version or the other. */
  async killMigrations(root: string, kills: number, random: Random): Promise<number> {
    mkdirSync(root, { recursive: true });
    const original = join(root, 'original.db');
    const rows = oldDatabase(original);
    const whole = await this.#migrate(original, join(root, 'whole.db'), undefined);
    for (let n = 0; n < kills; n++) {
      const file = join(root, `k${n}.db`);
      await this.#migrate(original, file, random.next() * whole * 1.2);
      this.#checkMigration(file, rows, n);
      for (const end of ['', '-wal', '-shm', '.v1.bak', '.v1.bak.part']) rmSync(file + end, { force: true });
    }
    return kills;
  }

  /** @returns milliseconds that it took */
  async #migrate(original: string, file: string, killAfterMs: number | undefined): Promise<number> {
    cpSync(original, file);
    const main = ownModule(import.meta.url, './migrate-process');
    const child = spawn(process.execPath, [...childExecArgv(), main, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    // It says when it is about to begin.
    await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), gone]);
    const from = performance.now();
    if (killAfterMs !== undefined) {
      await delay(killAfterMs);
      child.kill('SIGKILL');
    }
    await gone;
    return performance.now() - from;
  }

  #checkMigration(file: string, rows: number, n: number): void {
    const count = (db: Database) => db.get<{ n: number }>('SELECT count(*) AS n FROM jobs')!.n;
    const copy = `${file}.v1.bak`;
    if (existsSync(copy)) {
      const db = openDatabase(copy);
      this.#expect(
        schemaVersion(db) === 1 && count(db) === rows,
        `kill ${n}: the copy has ${count(db)} of ${rows} rows`,
      );
      db.close();
    }
    const db = openDatabase(file);
    const version = schemaVersion(db);
    this.#expect(version === 1 || existsSync(copy), `kill ${n}: version ${version} without a copy of the first`);
    migrate(db, migrations, { file });
    const { integrity_check: integrity } = db.get<{ integrity_check: string }>('PRAGMA integrity_check')!;
    this.#expect(integrity === 'ok' && count(db) === rows, `kill ${n}: ${integrity}, ${count(db)} of ${rows} rows`);
    db.close();
    this.#expect(statSync(copy).size > 0 && !existsSync(`${copy}.part`), `kill ${n}: no whole copy in the end`);
  }

  async #serving<T>(
    root: string,
    orders: Partial<ServerOrders>,
    work: (server: ServerChild) => Promise<T>,
  ): Promise<T> {
    const server = await startServer({ root, engineOptions: { stepMs: 0 }, ...orders });
    try {
      return await work(server);
    } finally {
      const crash = server.crash();
      if (crash !== undefined) this.problems.push(crash);
      await server.stop();
    }
  }

  #expect(holds: boolean, otherwise: string): void {
    if (!holds) this.problems.push(otherwise);
  }
}

async function draw(server: ServerChild): Promise<Answered> {
  return await post(server, '/api/v1/jobs?wait=true', { prompt: 'a fox', steps: 1 });
}

async function post(server: ServerChild, path: string, body: unknown): Promise<Answered> {
  return await ask(server.url, { method: 'POST', path, body, timeoutMs: 120_000 });
}

async function get(server: ServerChild, path: string): Promise<Answered> {
  return await ask(server.url, { method: 'GET', path, timeoutMs: 120_000 });
}

/** @returns how many jobs it holds */
function oldDatabase(file: string): number {
  const rows = 20_000;
  const db = openDatabase(file);
  migrate(db, migrations.slice(0, 1));
  db.transaction(() => {
    db.run("INSERT INTO users VALUES ('ann', 'admin', NULL, 1)");
    for (let n = 0; n < rows; n++)
      db.run(
        `INSERT INTO jobs (id, user, state, priority, position, request, inputs, total, created_at)
         VALUES (?, 'ann', 'done', 0, ?, ?, '{}', 1, 5)`,
        [`j${n}`, n, JSON.stringify({ prompt: 'a fox '.repeat(40) })],
      );
  });
  db.close();
  return rows;
}
