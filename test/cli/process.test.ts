/** The command as a process: files on disk, lines, exit codes, Ctrl-C. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { decodeImage } from '#studio/images/codec';
import { finished, startCli, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

// Starting a process takes a second, and many times that on a machine that is busy.
const patience = 180_000;

const tiny = ['--model', tinyModel, '--width', '64', '--height', '64', '--threads', '1'];

it(
  'puts pictures with their infotext into the day’s folder, and their paths on standard output',
  async () => {
    const words = ['a', 'fox', 'beside', 'a', 'tree'];
    const run = startCli(folder, 'generate', ...words, ...tiny, '--steps', '2', '--seed', '7', '--batch-count', '2');
    const { code, stdout, stderr } = await finished(run);
    expect(stderr).toMatch(/loading unet \(3\.2 MB\)/);
    expect(stderr).toMatch(/step 2\/2/);
    expect(stderr).toMatch(/2 pictures in /);
    expect(code).toBe(0);
    const files = stdout.trim().split('\n');
    expect(files.map((file) => file.replace(/^.*outputs\/\d{4}-\d\d-\d\d\//, ''))).toEqual([
      '00001-7.png',
      '00002-8.png',
    ]);
    const { image, infotext } = await decodeImage(readFileSync(files[1]!));
    expect([image.width, image.height]).toEqual([64, 64]);
    expect(infotext).toMatch(
      /^a fox beside a tree\nSteps: 2, Sampler: DPM\+\+ 2M, Schedule type: Karras, CFG scale: 7, Seed: 8, Size: 64x64, Model hash: [0-9a-f]{10}, Model: tiny-sd1, RNG: CPU, Version: Darkroom /,
    );
  },
  patience,
);

// The search for a driver is Linux's own.
it.runIf(process.platform === 'linux')(
  'says in one line that a device cannot be used, without the lines of drivers',
  async () => {
    const named = process.env.VK_ICD_FILENAMES;
    process.env.VK_ICD_FILENAMES = join(folder, 'no-such-driver.json');
    const run = startCli(folder, 'generate', 'x', ...tiny, '--device', 'webgpu');
    if (named === undefined) delete process.env.VK_ICD_FILENAMES;
    else process.env.VK_ICD_FILENAMES = named;
    const { code, stderr } = await finished(run);
    expect(stderr).toMatch(/^darkroom: webgpu cannot be used: [^\n]+\. Install [^\n]+\n$/);
    expect(code).toBe(1);
  },
  patience,
);

it(
  'stops between steps on Ctrl-C, keeps what is finished and exits with 130',
  async () => {
    const out = join(folder, 'stopped');
    const child = startCli(
      folder,
      'generate',
      'x',
      ...tiny,
      '--steps',
      '10',
      '--batch-count',
      '1000',
      '--json',
      '--out',
      `${out}/`,
    );
    let seen = '';
    child.stdout.on('data', (data: Buffer) => {
      seen += data.toString();
      // A second signal would end the process at once.
      if (!child.killed && seen.includes('"type":"image"')) child.kill('SIGINT');
    });
    const { code, stdout } = await finished(child);
    expect(code).toBe(130);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; file?: string; pictures?: number });
    const kept = events.filter(({ type }) => type === 'image').map(({ file }) => file!);
    expect(events.at(-1)).toEqual({ type: 'stopped', pictures: kept.length });
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(1000);
    expect(
      readdirSync(out)
        .map((name) => join(out, name))
        .sort(),
    ).toEqual([...kept].sort());
    for (const file of kept) await decodeImage(readFileSync(file));
  },
  patience,
);
