/** `darkroom doctor`: on a machine where all is well, and on one where nothing is. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkFetched } from '#cli/doctor/fetched';
import type { Finding } from '#cli/doctor/finding';
import { checkMemory, checkVersions } from '#cli/doctor/machine';
import { checkPort } from '#cli/doctor/port';
import { lockFolder } from '#studio/store/lock';
import { cli } from './run-cli.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-doctor-'));
afterAll(() => rmSync(root, { recursive: true }));

async function doctor(outputs: string, ...argv: string[]): Promise<{ code: number; findings: Map<string, Finding> }> {
  const models = join(root, 'models');
  const { code, stdout } = await cli('doctor', '--outputs', outputs, '--models-dir', models, '--json', ...argv);
  const list = stdout.split('\n').map((line) => JSON.parse(line) as Finding);
  for (const finding of list) expect(finding.remedy === undefined).toBe(finding.level === 'ok');
  return { code, findings: new Map(list.map((finding) => [finding.check, finding])) };
}

async function freePort(): Promise<string> {
  const { server, port } = await listening((_request, response) => response.end('{}'));
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

async function listening(answer: Parameters<typeof createServer>[1]): Promise<{ server: Server; port: number }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

describe('doctor', () => {
  it('finds that all is well, and tries the device', async () => {
    const { code, findings } = await doctor(join(root, 'fine'), '--device', 'cpu', '--port', await freePort());
    for (const check of [
      'darkroom',
      'node',
      'outputs',
      'data',
      'database',
      'pictures',
      'fetched',
      'port',
      'device cpu',
    ]) {
      expect(findings.get(check)).toMatchObject({ level: 'ok' });
    }
    expect(findings.has('embedded model')).toBe(false);
    expect(code).toBe([...findings.values()].some(({ level }) => level === 'problem') ? 1 : 0);
  }, 180_000);

  it('says what is wrong and what to do, and exits with 1', async () => {
    const outputs = join(root, 'wrong');
    mkdirSync(join(outputs, '.darkroom'), { recursive: true, mode: 0o777 });
    writeFileSync(join(outputs, '.darkroom/studio.db'), 'this is not a database, but long enough to be read as one');
    const { server, port } = await listening((_request, response) => response.end('something else'));
    const { code, findings } = await doctor(outputs, '--device', 'nonsense', '--port', String(port));
    server.close();
    expect(code).toBe(1);
    expect(findings.get('database')).toMatchObject({ level: 'problem', remedy: expect.stringMatching(/rebuild/) });
    expect(findings.get('port')).toMatchObject({
      level: 'problem',
      text: `127.0.0.1:${port} is taken by another program.`,
    });
    expect(findings.get('device nonsense')!.level).toBe('note');
  }, 180_000);

  it('tells a file in place of a folder, and a studio at work', async () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    const port = await freePort();
    const wrong = await doctor(join(file, 'outputs'), '--device', 'nonsense', '--port', port);
    expect(wrong.findings.get('outputs')).toMatchObject({ level: 'problem', text: expect.stringMatching(/is a file/) });
    const outputs = join(root, 'busy');
    await cli('library', 'rebuild', '--outputs', outputs);
    const lock = lockFolder(join(outputs, '.darkroom'));
    const busy = await doctor(outputs, '--device', 'nonsense', '--port', port);
    lock.release();
    expect(busy.findings.get('server')!.text).toMatch(/^Another Darkroom works on .* \(process \d+, since .*\)\.$/);
    expect(busy.findings.get('database')!.level).toBe('ok');
  }, 180_000);

  it('shows remedies to people', async () => {
    const { stdout, stderr } = await cli('doctor', '--outputs', join(root, 'x'), '--device', 'nonsense');
    expect(stdout).toMatch(/^ok {6}darkroom: Darkroom \d/);
    expect(stdout).toMatch(/\nnote {4}device nonsense: .+\n {8}-> .+/);
    expect(stderr).toMatch(/^(No problems|There (is a problem|are \d+ problems))\.$/);
  }, 180_000);
});

describe('single checks', () => {
  it.each([
    ['18.19.0', 'problem'],
    ['20.9.9', 'problem'],
    ['20.19.0', 'ok'],
    ['24.0.0', 'ok'],
  ])('Node %s is a %s', (version, level) => {
    expect(checkVersions(version).find(({ check }) => check === 'node')!.level).toBe(level);
  });

  it.each([
    [1e9, 'problem'],
    [4e9, 'note'],
    [16e9, 'ok'],
  ])('%d bytes free are a %s', (free, level) => {
    expect(checkMemory(free, 32e9).find(({ check }) => check === 'memory')!.level).toBe(level);
  });

  it('knows its own kind on a port', async () => {
    const { server, port } = await listening((_request, response) => response.end('{"status":"ok","version":"1"}'));
    const [finding] = await checkPort({ host: '127.0.0.1', port });
    server.close();
    expect(finding).toMatchObject({ level: 'ok', text: `A Darkroom answers at http://127.0.0.1:${port}` });
  });

  it('says what would be fetched and is not, and notices when it was', () => {
    expect(checkFetched()[0]).toMatchObject({
      level: 'ok',
      text: expect.stringMatching(/CUDA provider from nuget.org/),
    });
    const runtime = join(root, 'runtime/bin/napi-v6/linux/x64');
    mkdirSync(runtime, { recursive: true });
    writeFileSync(join(runtime, 'libonnxruntime_providers_cuda.so'), '');
    expect(checkFetched(join(root, 'runtime'))[0]).toMatchObject({
      level: 'note',
      text: expect.stringMatching(/providers_cuda\.so beside the runtime did not come with npm/),
      remedy: expect.stringMatching(/npm ci/),
    });
  });
});
