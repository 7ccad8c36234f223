import { beforeEach, expect, it } from 'vitest';
import { Boards } from '../gallery/boards.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { Users } from './users.ts';

let db: Database;
let users: Users;
beforeEach(() => {
  db = openDatabase(':memory:');
  migrate(db, migrations);
  users = new Users(db);
});

it('lets in who knows the password, and nobody else', async () => {
  await users.create('ann', 'admin', 'correct horse');
  await users.create('bot', 'user');
  expect(await users.verify('ann', 'correct horse')).toMatchObject({ name: 'ann', role: 'admin' });
  expect(await users.verify('ann', 'correct horsf')).toBeUndefined();
  expect(await users.verify('nobody', 'correct horse')).toBeUndefined();
  expect(await users.verify('bot', '')).toBeUndefined();
  const stored = db.get<{ password: string }>("SELECT password FROM users WHERE name = 'ann'")!.password;
  expect(stored).not.toContain('correct');
});

it('gives a name to one of two who ask at once, and a password to nobody who came later', async () => {
  const both = await Promise.allSettled([
    users.create('ann', 'user', 'correct horse'),
    users.create('ann', 'user', 'another horse'),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = both.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  expect(refused.reason).toMatchObject({ code: 'user.exists' });
  const late = users.setPassword('ann', 'a third horse');
  users.remove('ann');
  db.run("INSERT INTO users (name, role, created_at) VALUES ('ann', 'user', 1)");
  await expect(late).rejects.toMatchObject({ code: 'user.unknown' });
  expect(users.get('ann')).toMatchObject({ hasPassword: false });
});

it('hands out tokens that can be ended, run out, and end with a new password', async () => {
  await users.create('ann', 'user', 'correct horse');
  const token = users.issueToken('ann', 'phone');
  expect(users.byToken(token)?.name).toBe('ann');
  expect(users.byToken(`${token}x`)).toBeUndefined();
  expect(users.byToken(users.issueToken('ann', 'old', -1))).toBeUndefined();
  const [info] = users.tokens('ann');
  expect(info).toMatchObject({ label: 'phone', user: 'ann' });
  expect(users.revokeToken(info!.id)).toBe(true);
  expect(users.byToken(token)).toBeUndefined();
  const second = users.issueToken('ann', 'tablet');
  await users.setPassword('ann', 'another horse');
  expect(users.byToken(second)).toBeUndefined();
  expect(JSON.stringify(db.all('SELECT * FROM tokens'))).not.toContain(token.slice(3));
});

it.each(['', '../x', 'Ann', 'a/b', 'con', '2026-11-23', '.tmp', 'local', 'x'.repeat(33)])(
  'refuses the name %j',
  async (name) => {
    await expect(users.create(name, 'user')).rejects.toMatchObject({ code: 'user.name' });
  },
);

it('keeps an admin, unique names and long passwords', async () => {
  await users.create('ann', 'admin');
  expect(() => users.remove('ann')).toThrow(expect.objectContaining({ code: 'user.last-admin' }));
  expect(() => users.setRole('ann', 'viewer')).toThrow(expect.objectContaining({ code: 'user.last-admin' }));
  await users.create('bob', 'admin');
  expect(users.setRole('ann', 'viewer').role).toBe('viewer');
  users.remove('ann');
  expect(users.list().map((user) => user.name)).toEqual(['bob']);
  await expect(users.create('bob', 'user')).rejects.toMatchObject({ code: 'user.exists' });
  await expect(users.setPassword('bob', 'short')).rejects.toMatchObject({ code: 'user.password' });
  expect(() => users.setRole('zoe', 'user')).toThrow(expect.objectContaining({ code: 'user.unknown' }));
});

it('gives a later account of the same name nothing of the earlier one', async () => {
  await users.create('root', 'admin');
  await users.create('ann', 'user');
  const boards = new Boards(db, () => {});
  await boards.create('local', 'best');
  await boards.create('ann', 'best');
  db.run(`INSERT INTO images (id, user, path, format, bytes, width, height, created_at, prompt, negative_prompt, infotext)
    VALUES ('i', 'ann', 'ann/p', 'png', 1, 8, 8, 1, '', '', '')`);
  const token = users.issueToken('ann', 'phone');
  users.remove('ann');
  await users.create('ann', 'user');
  expect(users.byToken(token)).toBeUndefined();
  expect(await boards.list('ann')).toEqual([]);
  expect(await boards.list('local')).toHaveLength(2);
  expect(db.all('SELECT user FROM images')).toEqual([{ user: 'local' }]);
});
