/** `darkroom serve` and `npm start` as processes: the address, one studio for a folder, ports, signals. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { encode } from 'uqr';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { cli, finished, repository, startCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-serve-'));
afterAll(() => rmSync(folder, { recursive: true }));

const started: ChildProcessWithoutNullStreams[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await closed;
  }
});

// Starting a process takes a second, and many times that on a machine that is busy.
const patience = 180_000;

function serve(...argv: readonly string[]): ChildProcessWithoutNullStreams {
  const child = startCli(folder, 'serve', '--port', '0', ...argv);
  started.push(child);
  return child;
}

/** The address that a server prints once it answers. */
async function addressOf(child: ChildProcessWithoutNullStreams): Promise<URL> {
  let seen = '';
  return await new Promise((resolve, reject) => {
    child.stdout.on('data', (data: Buffer) => {
      seen += data.toString();
      const url = /^Darkroom is ready: (\S+)$/m.exec(seen)?.[1];
      if (url !== undefined) resolve(new URL(url));
    });
    child.on('close', (code) => reject(new Error(`It ended with ${code}.`)));
  });
}

describe('serve', () => {
  it(
    'prints its address when it answers, refuses a second one on the same folder, and stops on Ctrl-C',
    async () => {
      const child = serve();
      const end = finished(child);
      const url = await addressOf(child);
      expect(url.hostname).toBe('127.0.0.1');
      expect(url.hash).toBe('');
      const health = await fetch(new URL('/healthz', url));
      expect(await health.json()).toMatchObject({ status: 'ok' });
      const second = await finished(serve());
      expect(second.code).toBe(1);
      expect(second.stderr).toMatch(
        /^darkroom: Another Darkroom works on .*\.darkroom \(process \d+, since .*\); stop/,
      );
      child.kill('SIGINT');
      const { code, stderr } = await end;
      expect(code).toBe(0);
      expect(stderr).toMatch(/Stopping/);
      await expect(fetch(new URL('/healthz', url))).rejects.toThrow();
    },
    patience,
  );

  it(
    'draws its address as a QR code when told to, with the token that signs in',
    async () => {
      const child = serve('--qr', '--token', 'a-token-of-ours');
      const end = finished(child);
      const url = await addressOf(child);
      child.kill('SIGINT');
      const { stderr } = await end;
      const drawn = stderr.split('\n').filter((line) => /^[█▀▄ ]+$/.test(line) && line.trim() !== '');
      const { data, size } = encode(url.href, { border: 2 });
      expect(drawn).toHaveLength(Math.ceil(size / 2));
      drawn.forEach((line, row) => {
        const light = [...line].map((c) => ['█▀'.includes(c), '█▄'.includes(c)]);
        const wanted = data[2 * row]!.map((dark, x) => [!dark, !(data[2 * row + 1]?.[x] ?? true)]);
        expect(light, `row ${row}`).toEqual(wanted);
      });
    },
    patience,
  );

  it(
    'asks everybody for a token beyond this machine',
    async () => {
      const child = serve('--host', '0.0.0.0');
      const url = await addressOf(child);
      const token = new URLSearchParams(url.hash.slice(1)).get('token')!;
      expect(token.length).toBeGreaterThan(20);
      const status = async (headers: Record<string, string>) =>
        (await fetch(new URL('/api/v1/status', url), { headers })).status;
      expect(await status({})).toBe(401);
      expect(await status({ authorization: `Bearer ${token}` })).toBe(200);
      const end = finished(child);
      child.kill('SIGINT');
      await end;
      // A phone that signed in yesterday still is; until the token is made anew.
      const tokenOf = async (...argv: string[]) => {
        const again = serve('--host', '0.0.0.0', ...argv);
        const ended = finished(again);
        const { hash } = await addressOf(again);
        again.kill('SIGINT');
        await ended;
        return new URLSearchParams(hash.slice(1)).get('token');
      };
      expect(await tokenOf()).toBe(token);
      expect(await tokenOf('--new-token')).not.toBe(token);
    },
    patience,
  );

  it(
    'says that a port is taken',
    async () => {
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const { port } = other.address() as AddressInfo;
      const { code, stderr } = await cli('serve', '--port', String(port), '--outputs', join(folder, 'port'));
      other.close();
      expect(code).toBe(1);
      expect(stderr).toBe(`darkroom: 127.0.0.1:${port} is taken by another program; choose another --port.`);
    },
    patience,
  );

  it.each([
    [['--port', '70000'], '--port must be a whole number from 0 to 65535; got "70000".'],
    [['--token', 'short'], '--token must have at least 8 characters; got 5.'],
    [['--threads', 'many'], '--threads must be a whole number from 1 to 1024; got "many".'],
  ])('refuses %j', async (argv, message) => {
    const outputs = join(folder, 'refused');
    const { code, stderr } = await cli('serve', '--port', '0', '--outputs', outputs, ...argv);
    expect(code).toBe(2);
    expect(stderr).toBe(`darkroom: ${message}`);
  });
});

/** Source files and packages that a file loads with its static imports, itself included. */
function loaded(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.endsWith('.ts')) return seen;
  const source = readFileSync(file, 'utf8');
  for (const [, names, target] of source.matchAll(/^(?:import|export) ([^;]*?)from '([^']+)';/gms)) {
    if (names!.startsWith('type ')) continue;
    if (target!.startsWith('.')) loaded(resolve(dirname(file), target!), seen);
    else if (target!.startsWith('#')) loaded(join(repository, 'src', `${target!.slice(1)}.ts`), seen);
    else loaded(target!, seen);
  }
  return seen;
}

it('starts without what only a picture or a question needs', () => {
  const files = [...loaded(join(repository, 'src/cli/commands/serve.ts'))];
  expect(files.length).toBeGreaterThan(100);
  expect(files.some((file) => file.endsWith('studio/queue/sqlite-queue.ts'))).toBe(true);
  const late =
    /^(sharp|onnxruntime-node)$|src\/(backends|onnx|scenes)\/|src\/training\/(?!config\.ts|settings\/|learning-rate\.ts)|diffusion\/samplers|models\/load\.ts/;
  expect(files.filter((file) => late.test(file))).toEqual([]);
});

it(
  'npm start serves',
  async () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const [program, ...argv] = scripts.start!.split(' ');
    expect(program).toBe('node');
    const folders = ['--outputs', join(folder, 'npm-start')];
    const child = spawn(process.execPath, [...argv, '--port', '0', ...folders], { cwd: repository });
    started.push(child);
    expect((await fetch(new URL('/readyz', await addressOf(child)))).status).toBe(200);
  },
  patience,
);
