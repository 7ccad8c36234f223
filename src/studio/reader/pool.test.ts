import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ReaderHost } from './host.ts';
import { ReaderPool } from './pool.ts';

let folder: string;
let pool: ReaderPool;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-pool-'));
  pool = new ReaderPool();
});
afterEach(() => {
  vi.restoreAllMocks();
  pool.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const of = (name: string, signal?: AbortSignal) => ({ caller: { name }, signal });
const turns = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

it('gives nobody all readers, and those who wait their turns', async () => {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  vi.spyOn(ReaderHost.prototype, 'read').mockImplementation(async (_task, input) => {
    begun.push(String(input));
    await new Promise<void>((resolve) => ends.set(String(input), resolve));
    return undefined;
  });
  const reads = [1, 2, 3, 4].map((n) => pool.read('hash', `ann ${n}`, of('ann')));
  await turns();
  expect(begun).toEqual(['ann 1', 'ann 2']);
  reads.push(pool.read('hash', 'bob 1', of('bob')), pool.read('hash', 'cat 1', of('cat')));
  await turns();
  expect(begun).toEqual(['ann 1', 'ann 2', 'bob 1']);
  ends.get('ann 1')!();
  await turns();
  // Ann has waited longer, but has one.
  expect(begun.at(-1)).toBe('cat 1');
  ends.get('bob 1')!();
  await turns();
  expect(begun.at(-1)).toBe('ann 3');
  for (const name of ['ann 2', 'ann 3', 'cat 1']) ends.get(name)!();
  await turns();
  expect(begun.at(-1)).toBe('ann 4');
  ends.get('ann 4')!();
  await Promise.all(reads);
});

it('lets go of those who leave while they wait, and goes on', async () => {
  const file = join(folder, 'small.bin');
  writeFileSync(file, 'abc');
  const left = new AbortController();
  const atWork = [0, 1].map(() => pool.read('hash', '/dev/zero', of('ann', left.signal)));
  const waiting = pool.read('hash', '/dev/zero', of('ann', left.signal));
  const other = pool.read('hash', file, of('ann'));
  left.abort(new Error('ann left'));
  for (const each of [...atWork, waiting]) await expect(each).rejects.toThrow('ann left');
  expect((await other).sha256).toMatch(/^ba7816bf/);
});
