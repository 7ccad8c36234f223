import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DarkroomError } from '#core/errors';
import { type Database, openDatabase } from './database.ts';
import { followId, idPattern, newId } from './id.ts';
import { lockFolder } from './lock.ts';
import { migrate, schemaVersion } from './migrate.ts';
import { migrations } from './migrations.ts';
import { patiently } from './patience.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('database', () => {
  it('binds booleans, null and undefined, and hands rows back plain', () => {
    const db = openDatabase(join(folder, 'a.db'));
    db.exec('CREATE TABLE t (a, b, c, d)');
    expect(db.run('INSERT INTO t VALUES (?, ?, ?, ?)', [true, null, undefined, 'x'])).toBe(1);
    expect(db.get('SELECT * FROM t WHERE d = :d', { d: 'x' })).toEqual({ a: 1, b: null, c: null, d: 'x' });
    expect(db.get('SELECT * FROM t WHERE d = ?', ['y'])).toBeUndefined();
    db.close();
  });

  it('rolls a transaction back when it throws, the nested part included', () => {
    const db = openDatabase(':memory:');
    db.exec('CREATE TABLE t (a)');
    const fail = () =>
      db.transaction(() => {
        db.run('INSERT INTO t VALUES (1)');
        db.transaction(() => db.run('INSERT INTO t VALUES (2)'));
        throw new Error('no');
      });
    expect(fail).toThrow('no');
    expect(db.all('SELECT * FROM t')).toEqual([]);
    db.transaction(() => db.run('INSERT INTO t VALUES (3)'));
    expect(db.all('SELECT a FROM t')).toEqual([{ a: 3 }]);
  });

  it('reads on a thread of its own what may take long, and brings its log into the file there', async () => {
    const file = join(folder, 'long.db');
    const db = openDatabase(file);
    db.exec('CREATE TABLE t (a)');
    db.useThread();
    const slow =
      'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT max(i) FROM n';
    let turns = 0;
    const tick = setInterval(() => turns++, 1);
    const answer = await db.allElsewhere<{ i: number }>(`${slow} WHERE i <> ?`, [7]);
    clearInterval(tick);
    expect(answer).toEqual([{ 'max(i)': 400_000 }]);
    expect(turns).toBeGreaterThan(3);
    for (let n = 0; n < 40; n++) db.run('INSERT INTO t VALUES (?)', ['x'.repeat(100_000)]);
    expect(await db.allElsewhere('SELECT count(*) AS n FROM t')).toEqual([{ n: 40 }]);
    // All that was written before the last of the checkpoints, a few of which fitted in.
    expect(statSync(file).size).toBeGreaterThan(2_000_000);
    await expect(db.allElsewhere('DELETE FROM t')).rejects.toMatchObject({ code: 'store.read-only' });
    await expect(db.allElsewhere('no SQL')).rejects.toThrow('syntax error');
    await db.endThread();
    expect(await db.allElsewhere('SELECT count(*) AS n FROM t')).toEqual([{ n: 40 }]);
    db.close();
  });

  it('says what is wrong with a file that is no database, and with a folder that is not there', () => {
    writeFileSync(join(folder, 'b.db'), 'not a database at all '.repeat(100));
    expect(() => openDatabase(join(folder, 'b.db'))).toThrow(expect.objectContaining({ code: 'store.not-a-database' }));
    expect(() => openDatabase(join(folder, 'no/c.db'))).toThrow(expect.objectContaining({ code: 'store.cannot-open' }));
  });

  it('reports a full database as a full disk and stays usable', () => {
    const db = openDatabase(join(folder, 'full.db'));
    db.exec('CREATE TABLE t (a)');
    const pages = db.get<{ page_count: number }>('PRAGMA page_count')!.page_count;
    db.all(`PRAGMA max_page_count = ${pages}`);
    const fill = () => db.transaction(() => db.run('INSERT INTO t VALUES (?)', ['x'.repeat(100_000)]));
    expect(fill).toThrow(expect.objectContaining({ code: 'store.disk-full' }));
    expect(db.all('SELECT * FROM t')).toEqual([]);
    db.all('PRAGMA max_page_count = 100000');
    expect(db.transaction(() => db.run('INSERT INTO t VALUES (1)'))).toBe(1);
    db.close();
  });
});

/** Rows as each version could hold them; added right after the step to that version. */
const rowsOfVersion: Record<number, (db: Database) => void> = {
  1: (db) => {
    db.run(`INSERT INTO settings VALUES ('a', '1')`);
    db.run(`INSERT INTO users VALUES ('ann', 'admin', NULL, 1)`);
    db.run(
      `INSERT INTO jobs (id, user, state, priority, position, request, inputs, total, created_at)
       VALUES ('j', 'ann', 'queued', 0, 1, '{}', '{}', 2, 5)`,
    );
  },
  2: (db) => {
    db.run(
      `INSERT INTO images (id, user, path, format, bytes, width, height, created_at, prompt, negative_prompt, infotext)
       VALUES ('i', 'ann', 'p', 'png', 1, 8, 8, 1, 'a red fox', '', '')`,
    );
    db.run(`INSERT INTO image_tags VALUES ('i', 'animal')`);
  },
  3: (db) => {
    db.run(`INSERT INTO models (id, path, root, kind, name, bytes, modified_at, description, added_at)
      VALUES ('m', '/m', '/', 'checkpoint', 'm', 1, 1, '{}', 1)`);
    db.run("INSERT INTO pulls (id, source, state, options, created_at) VALUES ('p', 'o/n', 'done', '{}', 1)");
  },
  4: (db) => {
    db.run(
      "INSERT INTO pulls (id, source, state, options, created_at, title) VALUES ('q', 'o/n', 'done', '{}', 1, 't')",
    );
  },
  5: (db) => db.run("UPDATE images SET away_at = 5 WHERE id = 'i'"),
  6: (db) => db.run("UPDATE jobs SET result = '{}' WHERE id = 'q'"),
  // An index alone.
  7: () => {},
};

describe('migrations', () => {
  it.each(migrations.map((m) => m.version))('walks from version %i to the newest and keeps every row', (version) => {
    const file = join(folder, `v${version}.db`);
    const db = openDatabase(file);
    for (let step = 1; step <= version; step++) {
      migrate(db, migrations.slice(0, step));
      rowsOfVersion[step]!(db);
    }
    const counts = tableCounts(db);
    migrate(db, migrations, { file });
    expect(schemaVersion(db)).toBe(migrations.length);
    const { jobs, pulls = 0, ...others } = counts;
    // Downloads have become jobs.
    expect(tableCounts(db)).toMatchObject({ ...others, jobs: jobs! + pulls });
    expect(schemaOf(db)).toEqual(freshSchema());
    expect(existsSync(`${file}.v${version}.bak`)).toBe(version < migrations.length);
    if (version >= 2) expect(db.all("SELECT rowid FROM images_text WHERE images_text MATCH 'fox'")).toHaveLength(1);
    db.close();
  });

  it('has a row for every version in this test', () => {
    expect(Object.keys(rowsOfVersion).map(Number)).toEqual(migrations.map((m) => m.version));
  });

  it('leaves a file of a newer version alone', () => {
    const db = openDatabase(':memory:');
    db.exec(`PRAGMA user_version = ${migrations.length + 1}`);
    expect(() => migrate(db, migrations)).toThrow(expect.objectContaining({ code: 'store.too-new' }));
    expect(schemaVersion(db)).toBe(migrations.length + 1);
  });

  it('keeps a copy that is whole, whatever a kill left of an earlier one', () => {
    const file = join(folder, 'a.db');
    const db = openDatabase(file);
    migrate(db, migrations.slice(0, 1));
    rowsOfVersion[1]!(db);
    writeFileSync(`${file}.v1.bak.part`, 'half of a copy');
    migrate(db, migrations, { file });
    db.close();
    expect(existsSync(`${file}.v1.bak.part`)).toBe(false);
    const copy = openDatabase(`${file}.v1.bak`);
    expect(schemaVersion(copy)).toBe(1);
    expect(tableCounts(copy)).toMatchObject({ users: 1, jobs: 1 });
    copy.close();
  });

  it('a step that fails leaves the version before it', () => {
    const db = openDatabase(':memory:');
    const steps = [
      { version: 1, about: '', sql: 'CREATE TABLE a (x)' },
      { version: 2, about: '', sql: 'CREATE TABLE b (x); CREATE TABLE a (x)' },
    ];
    expect(() => migrate(db, steps)).toThrow();
    expect(schemaVersion(db)).toBe(1);
    expect(schemaOf(db)).toEqual(['CREATE TABLE a (x)']);
  });
});

function freshSchema(): string[] {
  const db = openDatabase(':memory:');
  migrate(db, migrations);
  return schemaOf(db);
}

function schemaOf(db: Database): string[] {
  return db
    .all<{ sql: string }>('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name')
    .map((row) => row.sql);
}

function tableCounts(db: Database): Record<string, number> {
  const names = db.all<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%\\_%' ESCAPE '\\'",
  );
  return Object.fromEntries(
    names.map(({ name }) => [name, db.get<{ n: number }>(`SELECT count(*) AS n FROM ${name}`)!.n]),
  );
}

describe('folder lock', () => {
  it('refuses a second holder and names the first', () => {
    const lock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(new RegExp(`process ${process.pid}`));
    lock.release();
    lockFolder(folder).release();
  });

  it('is free again after its holder was killed', async () => {
    const script = `import { lockFolder } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)};
      lockFolder(${JSON.stringify(folder)}); console.log('locked'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'folder.locked' }));
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    lockFolder(folder).release();
  });
});

describe('ids', () => {
  it('sort by time and fit their pattern', () => {
    const ids = [1, 2, 1_700_000_000_000, 1_700_000_000_001].map((t) => newId(t));
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(new RegExp(`^${idPattern}$`));
    expect(new Set(Array.from({ length: 1000 }, () => newId(5))).size).toBe(1000);
    expect(newId(1.5)).toMatch(new RegExp(`^${idPattern}$`));
  });

  it('go on growing when the clock is set back', () => {
    const ahead = newId(Date.now() + 86_400_000);
    followId(ahead);
    expect(newId() > ahead).toBe(true);
  });
});

it('tries again while another process writes, and gives up in the end', async () => {
  const busy = () => new DarkroomError('store.busy', 'busy');
  let tries = 0;
  const work = (until: number) => () => {
    if (++tries < until) throw busy();
    return tries;
  };
  expect(await patiently(work(3))).toBe(3);
  tries = 0;
  await expect(patiently(work(9), 2)).rejects.toMatchObject({ code: 'store.busy' });
  expect(tries).toBe(2);
  await expect(
    patiently(() => {
      tries++;
      throw new DarkroomError('store.io', 'broken');
    }),
  ).rejects.toMatchObject({ code: 'store.io' });
  expect(tries).toBe(3);
});
