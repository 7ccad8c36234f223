/** What operations change is what their rows say: every table of the database is looked at before and after each. */

import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClient } from '#api/client';
import type { Operation } from '#api/operation';
import { operations } from '#api/operations/index';
import { wireRows } from '#api/request';
import type { Effect } from '#api/rights';
import { openDatabase } from '#studio/store/database';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => await server.dispose());

const work = ['jobs', 'turns', 'images', 'image_tags', 'boards', 'board_images'];
const tables: Record<Effect, readonly string[]> = {
  'own account': ['users', 'tokens'],
  'own work': work,
  index: ['models', 'jobs'],
  queue: ['jobs', 'settings:queue'],
  models: ['models', 'model_cards', 'pulls', 'jobs', 'turns'],
  gallery: ['images', 'image_tags', 'board_images'],
  settings: ['settings'],
  engines: [],
  // What a removed account leaves goes to the local user.
  accounts: ['users', 'tokens', ...work],
};

/** Rows of each table; settings by the first word of their names. */
function contents(): Map<string, string> {
  const db = openDatabase(`${server.root}/data/studio.db`);
  const names = db.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => name);
  const found = new Map<string, string>();
  for (const table of names.filter((name) => !/^(sqlite|images_text)/.test(name))) {
    const rows = db.all(`SELECT * FROM ${table}`);
    if (table !== 'settings') found.set(table, JSON.stringify(rows));
    else
      for (const { name, value } of rows) {
        const of = /^queue/.test(String(name)) ? 'settings:queue' : 'settings';
        found.set(of, `${found.get(of) ?? ''}${name}=${value};`);
      }
  }
  db.close();
  return found;
}

it('change no more than they declare', async () => {
  const { client, changed } = watched();
  const { job } = await client.submitJob({ prompt: 'a', steps: 1, wait: true });
  const { images } = await client.searchImages();
  await client.upscale({ init: `image:${images[0]!.id}`, by: 2, upscaler: 'Lanczos', wait: true });
  const id = images[0]!.id;
  await client.loopBack({ init: `image:${images[0]!.id}`, steps: 1, loops: 1, wait: true });
  await client.pauseQueue({ reason: 'test' });
  await client.promptMatrix({ prompt: 'a|b' });
  await client.plotPictures({ prompt: 'a', xAxis: 'steps', xValues: '1,2' });
  const { jobs } = await client.submitJobs({ jobs: [{ prompt: 'b' }, { prompt: 'c' }] });
  await client.setPriority({ id: jobs[0]!.id, priority: 3 });
  await client.moveJob({ id: jobs[1]!.id, to: 'front' });
  await client.pauseJob({ id: jobs[0]!.id });
  await expect(client.skipBatch({ id: job.id })).rejects.toThrow('only a running job has a batch to skip');
  await client.resumeJob({ id: jobs[0]!.id });
  await client.cancelJob({ id: jobs[0]!.id });
  await client.retryJob({ id: jobs[0]!.id });
  await client.getJob({ id: job.id });
  // Nothing may be at work when the queue goes on: what workers change is not the operation's.
  await client.cancelJobs();
  await client.changeImage({ id, rating: 3 });
  await client.tagImage({ id, tags: ['x'] });
  const board = await client.createBoard({ name: 'b' });
  await client.addToBoard({ id: board.id, ids: [id] });
  await client.takeFromBoard({ id: board.id, ids: [id] });
  await client.renameBoard({ id: board.id, name: 'c' });
  await client.removeBoard({ id: board.id });
  await client.trashImages({ ids: [id] });
  await client.restoreImages({ ids: [id] });
  await client.changeSettings({ previewEvery: 2 });
  await client.createUser({ name: 'root', role: 'admin' });
  await client.createUser({ name: 'ann' });
  await client.setRole({ name: 'ann', role: 'viewer' });
  await client.issueToken({ user: 'ann' });
  const { tokens } = await client.listTokens({ user: 'ann' });
  await client.revokeToken({ id: tokens[0]!.id });
  await client.removeUser({ name: 'ann' });
  const called = new Set(changed.map(([name]) => name));
  for (const [name, row] of Object.entries<Operation>(operations)) {
    if (row.kind !== 'json' || called.has(name) || !row.input.safeParse({}).success) continue;
    await (client[name as keyof typeof client] as () => Promise<unknown>)();
  }
  const tooMuch = changed.flatMap(([name, seen]) => {
    const declared = (operations as Record<string, Operation>)[name]!.changes.flatMap((effect) => tables[effect]);
    return seen.filter((table) => !declared.includes(table)).map((table) => `${name} changes ${table}`);
  });
  expect(tooMuch).toEqual([]);
  expect(changed.length).toBeGreaterThan(40);
});

function watched() {
  const changed: [name: string, tables: string[]][] = [];
  const send = createClient(
    wireRows(),
    async ({ method, path, body }) => await server.json(method, `/api/v1${path}`, body),
  );
  const client = new Proxy(send, {
    get(target, key) {
      const name = String(key) as keyof typeof target;
      return async (input: never) => {
        const before = contents();
        const answer = await (target[name] as (input: never) => Promise<unknown>)(input);
        const after = contents();
        changed.push([name, [...after.keys()].filter((table) => before.get(table) !== after.get(table))]);
        return answer;
      };
    },
  });
  return { client, changed };
}
