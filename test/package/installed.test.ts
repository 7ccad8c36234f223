/** cpu: the package as users get it: packed, installed elsewhere without development packages, run with npx. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const patience = 600_000;
const shell = process.platform === 'win32';

interface Ran {
  readonly status: number | null;
  /** What npm, node or Darkroom complain of. */
  readonly stderr: string;
  readonly stdout: string;
}

function run(cwd: string, command: string, ...args: string[]): Ran {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: 'utf8', shell, timeout: patience });
  return { status, stderr, stdout };
}

describe('the package, installed elsewhere', { timeout: patience }, () => {
  let folder: string;
  let server: ChildProcess | undefined;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'darkroom-package-'));
    const packed = run(repository, 'npm', 'pack', '--silent', '--pack-destination', folder);
    expect(packed.status, packed.stderr).toBe(0);
    const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
    run(folder, 'npm', 'init', '-y');
    const flags = ['--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'];
    const installed = run(folder, 'npm', 'install', ...flags, join(folder, archive));
    expect(installed.status, installed.stderr).toBe(0);
    expect(installed.stderr).toBe('');
    rmSync(join(folder, archive));
  }, patience);
  afterAll(() => {
    server?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('has no TypeScript, no loader and no installer in it', () => {
    const modules = join(folder, 'node_modules');
    expect(existsSync(join(modules, 'tsx'))).toBe(false);
    expect(existsSync(join(modules, 'onnxruntime-node'))).toBe(false);
    const own = readdirSync(join(modules, 'darkroom'), { recursive: true }).map(String);
    expect(own.filter((name) => name.startsWith('src'))).toEqual([]);
    const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    expect(Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
  });

  it('draws', () => {
    const { status, stderr } = run(
      folder,
      'npx',
      'darkroom',
      'generate',
      '"a fox at night"',
      '--steps',
      '2',
      '--out',
      'fox.png',
    );
    expect(status, stderr).toBe(0);
    expect(readFileSync(join(folder, 'fox.png')).subarray(1, 4).toString()).toBe('PNG');
    expect(stderr).not.toMatch(/warn/i);
  });

  it('serves its page and a picture', async () => {
    const args = ['node_modules/darkroom/bin/darkroom.mjs', 'serve', '--port', '0'];
    server = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const url = await new Promise<string>((resolve, reject) => {
      server!.stderr!.on('data', (bytes: Buffer) => (said += bytes.toString()));
      server!.stdout!.on('data', (bytes: Buffer) => {
        const found = /ready: (\S+)/.exec(bytes.toString())?.[1];
        if (found) resolve(found);
      });
      server!.once('exit', (code) => reject(new Error(`darkroom serve ended with ${code}: ${said}`)));
    });
    expect(await (await fetch(url)).text()).toContain('<div id="page">');
    const body = new FormData();
    body.set('prompt', 'a fox');
    body.set('steps', '2');
    const answer = await fetch(new URL('/api/v1/generate', url), { method: 'POST', body });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(said).not.toMatch(/warn/i);
  });
});
