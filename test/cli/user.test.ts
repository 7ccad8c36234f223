/** `darkroom user`: accounts, passwords that no argument shows, tokens. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { readPassword } from '#cli/password';
import { withStudioFolder } from '#cli/studio-folder';
import { cli, finished, startCli } from './run-cli.ts';

const outputs = mkdtempSync(join(tmpdir(), 'darkroom-user-'));
afterAll(() => rmSync(outputs, { recursive: true }));

const user = async (...argv: string[]) => await cli('user', ...argv, '--outputs', outputs);
const inFolder = withStudioFolder<unknown>;

describe('user', () => {
  it('takes a password from standard input, before there is a studio', async () => {
    const child = startCli(outputs, 'user', 'add', 'ann', '--role', 'admin', '--password-stdin', '--outputs', outputs);
    child.stdin.end('correct horse\n');
    const { code, stdout, stderr } = await finished(child);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ann {2}admin {2}password {2}/);
    const fits = await inFolder({ outputs }, ({ users }) => users.verify('ann', 'correct horse'));
    expect(fits).toMatchObject({ name: 'ann', role: 'admin' });
  }, 180_000);

  it('lists, changes and removes accounts', async () => {
    const added = (await user('add', 'bob', '--no-password', '--json')).stdout;
    expect(JSON.parse(added)).toMatchObject({ name: 'bob', role: 'user', hasPassword: false });
    expect((await user('role', 'bob', 'viewer')).stdout).toMatch(/^bob {2}viewer {2}tokens only {2}/);
    const names = (await user('list', '--json')).stdout.split('\n').map((line) => JSON.parse(line).name);
    expect(names).toEqual(['ann', 'bob']);
    const asked = await user('remove', 'bob');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/^darkroom: Remove this account\?.*--yes/)]);
    expect((await user('list')).stdout.split('\n')).toHaveLength(2);
    expect((await user('remove', 'bob', '--yes')).stdout).toBe('bob removed');
    expect((await user('list')).stdout.split('\n')).toHaveLength(1);
  });

  it('issues tokens and ends them', async () => {
    const token = (await user('token', 'ann', '--label', 'phone', '--days', '7')).stdout;
    const owner = async () => await inFolder({ outputs }, ({ users }) => users.byToken(token)?.name);
    expect(await owner()).toBe('ann');
    const { stdout } = await user('tokens', 'ann');
    expect(stdout).toMatch(/^[0-9a-f]{16} {2}.* {2}until \d{4}-.* {2}phone$/);
    expect(stdout).not.toContain(token);
    expect((await user('revoke', stdout.split(' ')[0]!)).stdout).toBe('revoked');
    expect(await owner()).toBeUndefined();
    expect((await user('revoke', token)).code).toBe(1);
  });

  it.each([
    [['add', 'ann', '--no-password'], 'There is a user ann already.', 1],
    [['add', 'Ann!', '--no-password'], '"Ann!" cannot be a user name', 1],
    [['role', 'ann', 'king'], 'role must be one of admin, user, viewer; got "king".', 2],
    [['role', 'ann', 'user'], 'ann is the only admin; make another one first.', 1],
    [['password', 'zoe', '--password-stdin'], 'There is no user "zoe".', 1],
    [['token', 'zoe'], 'There is no user "zoe".', 1],
  ])('refuses %j', async (argv, message, exit) => {
    const { code, stderr } = await user(...argv);
    expect(code).toBe(exit);
    expect(stderr).toContain(`darkroom: ${message}`);
  });
});

describe('a password typed', () => {
  const output = { result: () => {}, note: () => {}, interactive: true };
  const terminal = (...keys: string[]) => {
    const modes: boolean[] = [];
    const stream = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (mode: boolean) => modes.push(mode) });
    void (async () => {
      for (const text of keys) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        stream.write(text);
      }
    })();
    return { stream, modes };
  };

  it('is asked for twice with nothing shown', async () => {
    const { stream, modes } = terminal('secrex\u007fts\r', 'secrets\r');
    expect(await readPassword('?', false, output, stream)).toBe('secrets');
    expect(modes).toEqual([true, false, true, false]);
  });

  it.each([
    [['one\r', 'two\r'], 'The two passwords differ.'],
    [['one\u0003'], 'No password was given; nothing was changed.'],
  ])('is refused after %j', async (keys, message) => {
    const { stream, modes } = terminal(...keys);
    await expect(readPassword('?', false, output, stream)).rejects.toThrow(message);
    expect(modes.at(-1)).toBe(false);
  });
});
