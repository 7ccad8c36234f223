import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskError } from './disk-error.ts';
import { isBelow, isSafeName, pathInside, realPathInside } from './safe-path.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-path-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('paths from outside', () => {
  it.each([
    '..',
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a//b',
    'a/',
    '',
    '.',
    'CON',
    'nul.txt',
    'com1.png',
    'a\\b',
    'C:\\x',
    'C:x',
    'a\0b',
    'a\nb',
    'trailing.',
    'trailing ',
    'x'.repeat(300),
    'a|b',
    '\ud800',
  ])('refuses %j', (path) => {
    expect(() => pathInside(root, path)).toThrow(expect.objectContaining({ code: 'path.invalid' }));
  });

  it.each(['a', 'a/b.png', 'käse 狐.png', '.hidden', '%2e%2e', 'a..b'])('takes %j as names', (path) => {
    expect(pathInside(root, path)).toBe(join(root, ...path.split('/')));
  });

  it('refuses links that lead out, and follows those that stay', async () => {
    mkdirSync(join(root, 'in'));
    writeFileSync(join(root, 'in', 'f'), '');
    const outside = mkdtempSync(join(tmpdir(), 'darkroom-out-'));
    writeFileSync(join(outside, 'f'), '');
    symlinkSync(outside, join(root, 'out'));
    symlinkSync(join(root, 'in'), join(root, 'alias'));
    await expect(realPathInside(root, 'out/f')).rejects.toMatchObject({ code: 'path.invalid' });
    expect(await realPathInside(root, 'alias/f')).toBe(join(root, 'alias', 'f'));
    expect(await realPathInside(root, 'new/file')).toBe(join(root, 'new', 'file'));
    rmSync(outside, { recursive: true });
  });

  it('knows below from beside', () => {
    expect(isBelow('/a/b', '/a/b/c')).toBe(true);
    expect(isBelow('/a/b', '/a/b..c')).toBe(false);
    expect(isBelow('/a/b', '/a/b')).toBe(false);
    expect(isBelow('/a/b', '/a')).toBe(false);
    expect(isSafeName('ok')).toBe(true);
  });
});

it('names what the disk answered', () => {
  const cases = { ENOSPC: 'disk-full', EROFS: 'disk.read-only', EACCES: 'disk.denied', EIO: 'disk.io' };
  for (const [code, want] of Object.entries(cases)) {
    expect(diskError(Object.assign(new Error('x'), { code }), '/f')).toMatchObject({ code: want });
  }
  const other = new Error('y');
  expect(diskError(other, '/f')).toBe(other);
});
