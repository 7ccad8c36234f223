import { expect, it } from 'vitest';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { Settings, type SettingsPatch } from './settings.ts';

function makeDatabase() {
  const db = openDatabase(':memory:');
  migrate(db, migrations);
  return db;
}

it('keeps what was changed, and changes nothing when a value is refused', () => {
  const db = makeDatabase();
  const settings = new Settings(db, () => {});
  expect(settings.get().outputFormat).toBe('png');
  settings.update({ outputFormat: 'webp', trashDays: 3 });
  const refused = [{ outputQuality: 0, trashDays: 9 }, { outputsDir: '/somewhere' }, { memoryLimitMib: 1 }];
  for (const bad of refused as SettingsPatch[]) {
    expect(() => settings.update(bad)).toThrow(expect.objectContaining({ code: 'settings.invalid' }));
  }
  expect(new Settings(db, () => {}).get()).toMatchObject({ outputFormat: 'webp', trashDays: 3, outputQuality: 90 });
});

it('are written together with what stands beside them, or not at all', () => {
  const db = makeDatabase();
  const settings = new Settings(db, () => {});
  settings.update({ trashDays: 3 }, { 'a1111.options': { a: 1 } });
  expect(() => settings.update({ trashDays: 4 }, { 'a1111.options': { a: 1n } })).toThrow('BigInt');
  expect([settings.get().trashDays, new Settings(db, () => {}).get().trashDays]).toEqual([3, 3]);
  expect(settings.read('a1111.options')).toEqual({ a: 1 });
});

it('are what another process made of them, and undo nothing of it', () => {
  const db = makeDatabase();
  const told: unknown[] = [];
  const server = new Settings(db, (_type, values) => told.push(values.outputFormat));
  const seen: number[] = [];
  server.onChange(({ trashDays }) => seen.push(trashDays));
  const command = new Settings(db, () => {});
  command.update({ outputFormat: 'webp' });
  server.update({ trashDays: 3 });
  expect(server.get()).toMatchObject({ outputFormat: 'webp', trashDays: 3 });
  command.update({ trashDays: 5 });
  server.changedOutside();
  server.changedOutside();
  expect(server.get()).toMatchObject({ outputFormat: 'webp', trashDays: 5 });
  expect(seen).toEqual([3, 5]);
  expect(told).toEqual(['webp', 'webp']);
});

it('falls back to the default of a stored value that is no longer taken', () => {
  const db = makeDatabase();
  const settings = new Settings(db, () => {});
  settings.write('studio', { outputFormat: 'bmp', trashDays: 7, gone: true });
  expect(new Settings(db, () => {}).get()).toMatchObject({ outputFormat: 'png', trashDays: 7 });
  settings.write('other', { a: [1] });
  expect(settings.read('other')).toEqual({ a: [1] });
  expect(settings.read('none')).toBeUndefined();
});
