import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ReaderHost } from './host.ts';

let folder: string;
let host: ReaderHost;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-reader-'));
  host = new ReaderHost();
});
afterEach(() => {
  host.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function small(): string {
  const file = join(folder, 'small.bin');
  writeFileSync(file, 'abc');
  return file;
}

const sha256OfAbc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

it.skipIf(process.platform === 'win32')('leaves a file alone that takes too long, and reads the next', async () => {
  // A pipe that nobody writes to: opening it never ends, on a machine of any speed.
  const silent = join(folder, 'silent');
  expect(spawnSync('mkfifo', [silent]).status).toBe(0);
  const endless = host.read('hash', silent, { silenceMs: 1000 });
  const next = host.read('hash', small());
  await expect(endless).rejects.toMatchObject({
    code: 'reader.left-alone',
    message: expect.stringContaining('silent is left alone: it took more than 1 seconds'),
  });
  expect((await next).sha256).toBe(sha256OfAbc);
});

it('stops reading when its caller has gone, at work or in line', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const endless = host.read('hash', '/dev/zero', { signal: first.signal });
  const waiting = host.read('hash', '/dev/zero', { signal: second.signal });
  second.abort(new Error('second left'));
  await expect(waiting).rejects.toThrow('second left');
  first.abort(new Error('first left'));
  await expect(endless).rejects.toThrow('first left');
  expect((await host.read('hash', small())).sha256).toBe(sha256OfAbc);
});

it('says what a task threw, and what was asked after the end', async () => {
  await expect(host.read('metadata', join(folder, 'gone'))).rejects.toMatchObject({ code: expect.stringMatching(/./) });
  host.dispose();
  await expect(host.read('hash', small())).rejects.toMatchObject({ code: 'reader.closed' });
});

it('dies with its parent, however busy it is', async () => {
  const url = JSON.stringify(new URL('./host.ts', import.meta.url).href);
  const script = `import { ReaderHost } from ${url};
    new ReaderHost().read('hash', '/dev/zero', { onProgress: () => console.log('reading') });`;
  const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
  await new Promise((resolve) => parent.stdout.once('data', resolve));
  const readers = await childrenOf(parent.pid!);
  expect(readers.length).toBeGreaterThan(0);
  parent.kill('SIGKILL');
  for (let tries = 0; readers.some(isAlive) && tries < 100; tries++) await delay(50);
  expect(readers.filter(isAlive)).toEqual([]);
});

async function childrenOf(pid: number): Promise<number[]> {
  const ps = spawn('ps', ['-o', 'pid=', '--ppid', String(pid)]);
  const chunks: Buffer[] = [];
  for await (const chunk of ps.stdout) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString().trim().split(/\s+/).filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
