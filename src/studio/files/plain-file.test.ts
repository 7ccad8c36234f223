import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStyleSheet, readWordList } from '../prompts/prompt-files.ts';
import { openPlainFile, readPlainFile, readPlainText, readPlainTextAtOnce } from './plain-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-plain-'));
const at = (name: string) => join(folder, name);
const socket = createServer();

beforeAll(async () => {
  writeFileSync(at('text'), 'words');
  writeFileSync(at('holes'), '');
  truncateSync(at('holes'), 2 ** 40);
  mkdirSync(at('folder'));
  if (process.platform === 'win32') return;
  execFileSync('mkfifo', [at('pipe')]);
  symlinkSync('/dev/zero', at('device'));
  await new Promise<void>((resolve) => socket.listen(at('socket'), resolve));
});
afterAll(() => {
  socket.close();
  rmSync(folder, { recursive: true });
});

it('reads a file, and says which is too large or missing', async () => {
  expect(await readPlainText(at('text'))).toBe('words');
  expect(readPlainTextAtOnce(at('text'), 5)).toBe('words');
  for (const read of [readPlainFile, async (path: string, most?: number) => readPlainTextAtOnce(path, most)]) {
    await expect(read(at('text'), 4)).rejects.toMatchObject({ code: 'file.too-large' });
    await expect(read(at('holes'))).rejects.toThrow('it has 1099511627776 bytes; at most 67108864 are read');
    await expect(read(at('none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(read(at('folder'))).rejects.toMatchObject({ code: 'file.not-plain' });
  }
});

describe.skipIf(process.platform === 'win32')('what is no file', () => {
  it.each(['pipe', 'device', 'socket'])('is not waited for: a %s', async (name) => {
    const refusal = { code: 'file.not-plain', message: expect.stringContaining('this is no file but') };
    await expect(openPlainFile(at(name))).rejects.toMatchObject(refusal);
    await expect(readPlainFile(at(name))).rejects.toMatchObject(refusal);
    expect(() => readPlainTextAtOnce(at(name))).toThrow(expect.objectContaining(refusal));
    await expect(readStyleSheet({ file: at(name) })).rejects.toMatchObject(refusal);
    expect(readWordList(at(name))).toEqual([]);
  });
});
