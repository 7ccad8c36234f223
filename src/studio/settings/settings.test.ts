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

it('falls back to the default of a stored value that is no longer taken', () => {
  const db = makeDatabase();
  const settings = new Settings(db, () => {});
  settings.write('studio', { outputFormat: 'bmp', trashDays: 7, gone: true });
  expect(new Settings(db, () => {}).get()).toMatchObject({ outputFormat: 'png', trashDays: 7 });
  settings.write('other', { a: [1] });
  expect(settings.read('other')).toEqual({ a: [1] });
  expect(settings.read('none')).toBeUndefined();
});
