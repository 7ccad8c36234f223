/** Changes below a folder are told, and folders cost a watch each, files none. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { TreeWatch } from './tree-watch.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-watch-'));
const told = new Set<string>();
let watch: TreeWatch | undefined;
afterEach(() => {
  watch?.close();
  rmSync(root, { recursive: true, force: true });
});

it('tells of files in folders that were there, that come, and that come back', async () => {
  mkdirSync(join(root, 'old', 'deep'), { recursive: true });
  mkdirSync(join(root, '.own'));
  const errors: unknown[] = [];
  const onChange = (path: string | undefined) => void (path !== undefined && told.add(path));
  watch = new TreeWatch(root, { onChange, onError: (error) => errors.push(error), ignores: (p) => p.startsWith('.') });
  /** Again and again, until the folder is watched: that it came is noticed a moment later. */
  const seen = async (path: string) => {
    const isTold = () => {
      writeFileSync(join(root, path), String(told.size));
      return told.has(path);
    };
    await expect.poll(isTold, { timeout: 20_000 }).toBe(true);
  };
  await seen('a.png');
  await seen('old/b.png');
  await seen('old/deep/c.png');
  // Made at once with what lies in it: that came before anybody could watch.
  mkdirSync(join(root, 'new', 'deeper'), { recursive: true });
  writeFileSync(join(root, 'new', 'deeper', 'd.png'), '');
  await expect.poll(() => told.has('new/deeper/d.png'), { timeout: 20_000 }).toBe(true);
  rmSync(join(root, 'new'), { recursive: true });
  await expect.poll(() => told.has('new'), { timeout: 20_000 }).toBe(true);
  mkdirSync(join(root, 'new'));
  told.clear();
  await seen('new/e.png');
  writeFileSync(join(root, '.own', 'f.png'), '');
  await seen('g.png');
  expect([...told].filter((path) => path.startsWith('.own/'))).toEqual([]);
  expect(errors).toEqual([]);
});
