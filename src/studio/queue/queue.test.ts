import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Job } from '#api/records/job';
import { generateSchema } from '#pipelines/request';
import { type BusEvent, EventBus, type ResetEvents } from '../events/bus.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import type { NewJob, QueueEvents } from './job.ts';
import { SqliteJobQueue } from './sqlite-queue.ts';

type Events = QueueEvents & ResetEvents;

let db: Database;
let bus: EventBus<Events>;
let queue: SqliteJobQueue;
beforeEach(() => {
  db = openDatabase(':memory:');
  migrate(db, migrations);
  bus = new EventBus<Events>();
  queue = new SqliteJobQueue(db, bus.emit);
});

type NewPictureJob = Extract<NewJob, { kind: 'picture' }>;

const job = (user: string, extra: Partial<NewPictureJob> = {}): NewPictureJob => ({
  kind: 'picture',
  user,
  request: generateSchema.parse({ prompt: `by ${user}` }),
  total: 1,
  ...extra,
});

async function takeAll(): Promise<Job[]> {
  const taken: Job[] = [];
  for (let next = await queue.take('picture'); next; next = await queue.take('picture')) taken.push(next);
  return taken;
}

const labels = (jobs: readonly Job[]) => jobs.map((j) => j.label);

describe('order', () => {
  it('serves users in turn within a priority, however many jobs each has', async () => {
    await queue.add(['a1', 'a2', 'a3', 'a4'].map((label) => job('ann', { label })));
    await queue.add(['b1', 'b2'].map((label) => job('bob', { label })));
    await queue.add([job('cid', { label: 'c1' })]);
    await queue.add([job('ann', { label: 'urgent', priority: 5 })]);
    const planned = labels((await queue.list({ order: 'next' })).jobs);
    const taken = labels(await takeAll());
    expect(taken[0]).toBe('urgent');
    // Ann has just been served, so the others come first.
    expect(taken.slice(1)).toEqual(['b1', 'c1', 'a1', 'b2', 'a2', 'a3', 'a4']);
    expect(planned[0]).toBe('urgent');
    expect([...planned].sort()).toEqual([...taken].sort());
  });

  it('keeps turns over a restart', async () => {
    await queue.add([job('ann', { label: 'a1' }), job('ann', { label: 'a2' }), job('bob', { label: 'b1' })]);
    expect((await queue.take('picture'))?.label).toBe('a1');
    expect((await new SqliteJobQueue(db, bus.emit).take('picture'))?.label).toBe('b1');
  });

  it('moves jobs to the front, to the back, before and after another', async () => {
    const [a, b, c, d] = await queue.add(['a', 'b', 'c', 'd'].map((label) => job('ann', { label })));
    const order = async () => labels((await queue.list({ order: 'next' })).jobs).join('');
    await queue.move(d!.id, 'front');
    expect(await order()).toBe('dabc');
    await queue.move(a!.id, { after: b!.id });
    expect(await order()).toBe('dbac');
    await queue.move(c!.id, { before: b!.id });
    expect(await order()).toBe('dcba');
    await queue.move(d!.id, 'back');
    expect(await order()).toBe('cbad');
    expect(labels(await takeAll()).join('')).toBe('cbad');
  });

  it('renumbers when halving positions has used up the digits', async () => {
    const jobs = await queue.add(['a', 'b', 'c'].map((label) => job('ann', { label })));
    const [a, b, c] = jobs.map((j) => j.id);
    for (let i = 0; i < 80; i++) {
      await queue.move(c!, { after: a! });
      await queue.move(b!, { after: a! });
    }
    expect(labels((await queue.list({ order: 'next' })).jobs)).toEqual(['a', 'b', 'c']);
  });

  it('lists the newest first after the clock was set back, also over a restart', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await queue.add([job('ann', { label: 'first' })]);
      vi.setSystemTime(Date.now() - 3_600_000);
      await queue.add([job('ann', { label: 'second' })]);
      const later = new SqliteJobQueue(db, bus.emit);
      await later.add([job('ann', { label: 'third' })]);
      expect(labels((await later.list({ order: 'recent' })).jobs)).toEqual(['third', 'second', 'first']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('pages through the history and the waiting line', async () => {
    await queue.add(Array.from({ length: 7 }, (_, i) => job('ann', { label: String(i) })));
    for (const order of ['recent', 'next'] as const) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await queue.list({ order, limit: 3, ...(cursor === undefined ? {} : { cursor }) });
        expect(page.jobs.length).toBeLessThanOrEqual(3);
        seen.push(...page.jobs.map((j) => j.id));
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(new Set(seen).size).toBe(7);
      expect(seen).toHaveLength(7);
    }
  });
});

describe('states', () => {
  it('goes from queued over running to done, with its events', async () => {
    const seen: string[] = [];
    bus.subscribe((event: BusEvent<Events>) => {
      seen.push(event.type.startsWith('job') ? `${event.type}:${(event.data as Job).state}` : event.type);
    });
    const [added] = await queue.add([job('ann', { total: 2 })]);
    const taken = await queue.take('picture');
    expect(taken).toMatchObject({ id: added!.id, state: 'running', attempts: 1 });
    await queue.report(added!.id, { delivered: 2 });
    const done = await queue.finish(added!.id, { state: 'done' });
    expect(done).toMatchObject({ state: 'done', delivered: 2 });
    expect(done.finishedAt).toBeGreaterThanOrEqual(done.startedAt!);
    expect(seen).toEqual([
      'job.added:queued',
      'queue',
      'job.changed:running',
      'job.changed:running',
      'job.changed:done',
      'queue',
    ]);
  });

  it('takes nothing while paused, also after a restart, and says when it may go on', async () => {
    await queue.add([job('ann')]);
    await queue.pause('disk full');
    expect(await queue.take('picture')).toBeUndefined();
    const again = new SqliteJobQueue(db, bus.emit);
    expect(await again.state()).toMatchObject({ paused: true, reason: 'disk full' });
    let woken = 0;
    again.onReady(() => woken++);
    await again.resume();
    expect(woken).toBe(1);
    expect(await again.take('picture')).toBeDefined();
  });

  it('holds single jobs and whole batches back', async () => {
    await queue.add([
      job('ann', { label: 'a', batch: 'x' }),
      job('ann', { label: 'b', batch: 'x' }),
      job('ann', { label: 'c' }),
    ]);
    expect(labels(await queue.pauseJobs({ batch: 'x' }))).toEqual(['a', 'b']);
    expect(labels(await takeAll())).toEqual(['c']);
    await queue.resumeJobs({ batch: 'x' });
    expect(labels(await takeAll())).toEqual(['a', 'b']);
  });

  it('cancels waiting jobs at once and marks running ones', async () => {
    const [a, b] = await queue.add([job('ann'), job('ann')]);
    await queue.take('picture');
    expect((await queue.cancel(b!.id)).state).toBe('cancelled');
    expect((await queue.cancel(a!.id)).state).toBe('running');
    expect(await queue.get(a!.id)).toMatchObject({ cancelRequested: true });
    expect((await queue.finish(a!.id, { state: 'cancelled' })).state).toBe('cancelled');
    expect((await queue.cancel(a!.id)).state).toBe('cancelled');
    await expect(queue.cancel('nope')).rejects.toMatchObject({ code: 'job.unknown' });
  });

  it('retries failed and cancelled jobs, and no others', async () => {
    const [a] = await queue.add([job('ann')]);
    await expect(queue.retry(a!.id)).rejects.toMatchObject({ code: 'job.state' });
    await queue.take('picture');
    const failed = await queue.finish(a!.id, { state: 'failed', error: { code: 'disk-full', message: 'full' } });
    expect(failed.error).toEqual({ code: 'disk-full', message: 'full' });
    const again = await queue.retry(a!.id);
    expect(again.state).toBe('queued');
    expect(again.error).toBeUndefined();
    expect((await queue.take('picture'))?.attempts).toBe(2);
  });

  it('clears ended jobs only, and only those asked for', async () => {
    const [a, b] = await queue.add([job('ann'), job('bob'), job('ann')]);
    await queue.take('picture');
    await queue.finish(a!.id, { state: 'done' });
    await queue.cancel(b!.id);
    expect((await queue.clear({ user: 'bob' })).map((j) => j.id)).toEqual([b!.id]);
    expect((await queue.clear({ states: ['queued'] })).length).toBe(0);
    expect((await queue.clear()).map((j) => j.id)).toEqual([a!.id]);
    expect((await queue.state()).counts).toMatchObject({ queued: 1, done: 0, cancelled: 0 });
  });

  it('takes no two jobs of one id, and then none of those given', async () => {
    await queue.add([job('ann', { id: 'x' })]);
    await expect(queue.add([job('ann'), job('ann', { id: 'x' })])).rejects.toMatchObject({ code: 'job.duplicate' });
    expect((await queue.state()).counts.queued).toBe(1);
  });

  it('collects warnings', async () => {
    const [a] = await queue.add([job('ann')]);
    await queue.warn(a!.id, 'one');
    await queue.warn(a!.id, 'say "two"');
    expect((await queue.get(a!.id))?.warnings).toEqual(['one', 'say "two"']);
    for (let i = 0; i < 300; i++) await queue.warn(a!.id, String(i));
    const { warnings } = (await queue.get(a!.id))!;
    expect(warnings).toHaveLength(201);
    expect(warnings.at(-1)).toBe('Further warnings than these 200 were left out.');
  });
});

describe('kinds', () => {
  const hash = (user: string, model: string): NewJob => ({
    kind: 'hash',
    user,
    label: model,
    request: { model },
    total: 0,
  });
  const pull = (user: string, label: string): NewJob => ({
    kind: 'pull',
    user,
    label,
    request: { source: 'o/n' },
    total: 0,
  });

  it('have lines of their own, each in fair turns', async () => {
    await queue.add([...['a1', 'a2', 'a3'].map((label) => pull('ann', label)), pull('bob', 'b1')]);
    await queue.add([job('ann', { label: 'picture' }), hash('ann', 'h')]);
    const taken: (string | undefined)[] = [];
    for (let next = await queue.take('pull'); next; next = await queue.take('pull')) taken.push(next.label);
    expect(taken).toEqual(['a1', 'b1', 'a2', 'a3']);
    expect((await queue.take('picture'))?.label).toBe('picture');
    expect((await queue.take('hash'))?.request).toEqual({ model: 'h' });
    expect(labels((await queue.list({ kinds: ['pull'] })).jobs).sort()).toEqual(['a1', 'a2', 'a3', 'b1']);
  });

  it('a pause holds what makes pictures, not what fetches or reads', async () => {
    await queue.add([job('ann'), pull('ann', 'p'), hash('ann', 'h')]);
    await queue.pause();
    expect(await queue.take('picture')).toBeUndefined();
    expect((await queue.take('pull'))?.label).toBe('p');
    expect((await queue.take('hash'))?.label).toBe('h');
  });

  it('downloads are taken up after any number of kills, hashes leave no history', async () => {
    const [fetched, hashed] = await queue.add([pull('ann', 'p'), hash('ann', 'h')]);
    for (let kills = 0; kills < 5; kills++) {
      await queue.take('pull');
      queue = new SqliteJobQueue(db, bus.emit);
      queue.recover(({ delivered }) => delivered);
    }
    expect(await queue.get(fetched!.id)).toMatchObject({ state: 'queued', interruptions: 5 });
    await queue.take('hash');
    await queue.finish(hashed!.id, { state: 'done' });
    expect(await queue.get(hashed!.id)).toBeUndefined();
  });

  it('a running job of any kind is held and goes on', async () => {
    const [added] = await queue.add([pull('ann', 'p')]);
    await queue.take('pull');
    await queue.hold(added!.id);
    expect(queue.stopping()).toEqual([{ id: added!.id, stop: 'pause' }]);
    expect((await queue.finish(added!.id, { state: 'paused' })).state).toBe('paused');
    await queue.resumeJobs({ id: added!.id });
    expect((await queue.take('pull'))?.attempts).toBe(2);
    expect(queue.stopping()).toEqual([]);
  });
});

describe('after a kill', () => {
  it('queues the running job again, ends what was complete or cancelled, gives up after three times', async () => {
    await queue.add([job('a', { total: 2 }), job('b', { total: 2 }), job('c', { total: 2 })]);
    const [partly, whole, cancelled] = await takeAll();
    await queue.cancel(cancelled!.id);
    const restart = () => {
      const next = new SqliteJobQueue(db, bus.emit);
      next.recover(({ id }) => (id === whole!.id ? 2 : 1));
      return next;
    };
    let next = restart();
    expect(await next.get(partly!.id)).toMatchObject({ state: 'queued', delivered: 1, interruptions: 1 });
    expect(await next.get(whole!.id)).toMatchObject({ state: 'done', delivered: 2 });
    expect(await next.get(cancelled!.id)).toMatchObject({ state: 'cancelled' });
    await next.take('picture');
    next = restart();
    await next.take('picture');
    next = restart();
    expect(await next.get(partly!.id)).toMatchObject({ state: 'failed', error: { code: 'job.interrupted' } });
  });
});

describe('events', () => {
  it('resumes after an id and resets when that id is gone', () => {
    const small = new EventBus<{ n: number } & ResetEvents>({ epoch: 1, keep: 4 });
    for (let i = 0; i < 6; i++) small.emit('n', i);
    const seen = (after?: number) => {
      const got: unknown[] = [];
      small.subscribe((event) => got.push(event.type === 'n' ? event.data : event.type), after)();
      return got;
    };
    expect(seen()).toEqual([]);
    expect(seen(small.lastId - 2)).toEqual([4, 5]);
    expect(seen(small.lastId)).toEqual([]);
    for (let i = 6; i < 20; i++) small.emit('n', i);
    expect(seen(2 ** 32 + 1)).toEqual(['reset']);
    expect(seen(17)).toEqual(['reset']); // an id of the start before this one
    expect(seen(small.lastId + 5)).toEqual(['reset']);
  });

  it('does not keep passing events, and survives a listener that throws', () => {
    const errors: unknown[] = [];
    const small = new EventBus<{ n: number } & ResetEvents>({ onError: (error) => errors.push(error) });
    const got: number[] = [];
    small.subscribe(() => {
      throw new Error('bad listener');
    });
    small.subscribe((event) => got.push(event.id));
    small.emit('n', 1);
    small.emit('n', 2, { keep: false });
    small.emit('n', 3);
    expect(got).toEqual([1, 2, 3]);
    expect(errors).toHaveLength(3);
    const resumed: number[] = [];
    small.subscribe((event) => resumed.push(event.id), 1);
    expect(resumed).toEqual([3]);
  });
});

describe('many jobs', () => {
  /** Runs `work` and counts what `done` tells between two turns of the event loop. */
  async function mostInOneTurn<T>(done: () => number, work: () => Promise<T>): Promise<{ most: number; result: T }> {
    let most = 0;
    let before = done();
    const tick = () => {
      most = Math.max(most, done() - before);
      before = done();
      next = setImmediate(tick);
    };
    let next = setImmediate(tick);
    try {
      return { result: await work(), most };
    } finally {
      clearImmediate(next);
    }
  }

  const staged = () => db.get<{ n: number }>('SELECT count(*) AS n FROM staged_jobs')!.n;
  const many = Array.from({ length: 300 }, (_, i) => job('ann', { label: String(i), batch: 'b' }));

  it('are written in turns, and are there together, in their order, after those that came before', async () => {
    await queue.add([job('ann', { label: 'before' })]);
    const seen = new Set<number>();
    const { most, result } = await mostInOneTurn(
      () => {
        seen.add(queue.waiting());
        return staged();
      },
      async () => await queue.add(many),
    );
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(25);
    // Never some of them.
    expect([...seen]).toEqual([1, 301]);
    expect(staged()).toBe(0);
    expect(labels(result)).toEqual(many.map(({ label }) => label));
    const { jobs } = await queue.list({ order: 'next', limit: 1000 });
    expect(labels(jobs)).toEqual(['before', ...many.map(({ label }) => label)]);
  });

  it('are none when one of them cannot be', async () => {
    const [known] = await queue.add([job('ann')]);
    await expect(queue.add([...many, job('ann', { id: known!.id })])).rejects.toThrow('There is a job');
    expect([queue.waiting(), staged()]).toEqual([1, 0]);
    // Those of two who ask at once do not mix.
    const added = await Promise.all([queue.add(many), queue.add(many.map((each) => ({ ...each, user: 'bob' })))]);
    for (const jobs of added) expect(labels(jobs)).toEqual(many.map(({ label }) => label));
    expect(queue.waiting()).toBe(601);
  });

  it('of long prompts come in pages that end early, and are cleared in turns', async () => {
    const request = generateSchema.parse({ prompt: 'a'.repeat(100_000), negativePrompt: 'b'.repeat(100_000) });
    for (let i = 0; i < 4; i++) await queue.add(Array.from({ length: 20 }, () => job('ann', { request })));
    for (const order of ['recent', 'next'] as const) {
      const seen: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await queue.list({ order, limit: 1000, cursor });
        seen.push(...page.jobs.map(({ id }) => id));
        cursor = page.cursor;
        pages++;
      } while (cursor !== undefined);
      expect(pages).toBeGreaterThan(1);
      expect(new Set(seen).size).toBe(80);
    }
    for (const id of await queue.ids({})) await queue.cancel(id);
    const { most, result } = await mostInOneTurn(
      () => 80 - db.get<{ n: number }>('SELECT count(*) AS n FROM jobs')!.n,
      async () => await queue.clear(),
    );
    expect(result).toHaveLength(80);
    expect(most).toBeLessThanOrEqual(25);
  });
});
