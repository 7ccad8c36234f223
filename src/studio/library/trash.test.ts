import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Database, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { Library } from './library.ts';
import { ModelTrash } from './trash.ts';

let root: string;
let db: Database;
let library: Library;
let trash: ModelTrash;

const put = (path: string, content: string): string => {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
};
const names = () => library.list().map(({ name }) => name);
const idOf = (name: string) => library.list().find((model) => model.name === name)!.id;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-trash-'));
  db = openDatabase(':memory:');
  migrate(db, migrations);
  const embeddedModel = put('elsewhere/mini.safetensors', 'm');
  library = new Library({ db, roots: [join(root, 'models')], embeddedModels: [embeddedModel], emit: () => {} });
  trash = new ModelTrash(library);
});
afterEach(async () => {
  await library.close();
  rmSync(root, { recursive: true, force: true });
});

it('takes a model out of the list and brings it back with its hash, card and id', async () => {
  const file = put('models/loras/style/a.safetensors', 'A');
  put('models/loras/b.safetensors', 'B');
  await library.refresh();
  const before = await library.hash(idOf('style/a'));
  library.setCard(before.id, { notes: 'mine' });
  const removed = await trash.remove(before.id);
  expect(removed).toMatchObject({ name: 'style/a', bytes: 1 });
  expect(existsSync(file)).toBe(false);
  expect(names()).toEqual(['mini', 'b']);
  await library.refresh();
  expect(names()).toEqual(['mini', 'b']);
  expect(await trash.list()).toEqual([removed]);
  rmSync(dirname(file), { recursive: true });
  await trash.restore(removed.id);
  expect(readFileSync(file, 'utf8')).toBe('A');
  expect(library.get(before.id)).toMatchObject({ sha256: before.sha256, card: { notes: 'mine' } });
  expect(await trash.list()).toEqual([]);
  expect(readdirSync(join(root, 'models/.darkroom-trash'))).toEqual([]);
});

it('takes a folder of parts as one model, and removes it for good only when told to', async () => {
  put('models/checkpoints/parts/model_index.json', '{}');
  put('models/checkpoints/parts/unet/config.json', '{}');
  await library.refresh();
  const { id } = await trash.remove(idOf('parts'));
  await trash.purge(id);
  expect(await trash.list()).toEqual([]);
  await expect(trash.restore(id)).rejects.toMatchObject({ code: 'model.unknown' });
});

it('replaces nothing that has come since', async () => {
  const file = put('models/loras/a.safetensors', 'old');
  await library.refresh();
  const { id } = await trash.remove(idOf('a'));
  writeFileSync(file, 'new');
  await expect(trash.restore(id)).rejects.toMatchObject({ code: 'model.exists' });
  expect(readFileSync(file, 'utf8')).toBe('new');
  expect(await trash.list()).toHaveLength(1);
});

it('leaves the embedded model, and takes no note that leads out of the folder', async () => {
  put('models/loras/a.safetensors', 'A');
  await library.refresh();
  await expect(trash.remove(idOf('mini'))).rejects.toMatchObject({ code: 'model.fixed' });
  await expect(trash.remove('nothing')).rejects.toMatchObject({ code: 'model.unknown' });
  const { id } = await trash.remove(idOf('a'));
  const note = join(root, 'models/.darkroom-trash', id, 'removed.json');
  const kept = JSON.parse(readFileSync(note, 'utf8')) as object;
  for (const path of ['../a.safetensors', join(root, 'a.safetensors'), '']) {
    writeFileSync(note, JSON.stringify({ ...kept, path }));
    await expect(trash.restore(id), path).rejects.toMatchObject({ code: 'model.unknown' });
  }
  for (const wrong of ['..', '../..', `${id}/..`]) {
    await expect(trash.purge(wrong)).rejects.toMatchObject({ code: 'model.unknown' });
  }
});
