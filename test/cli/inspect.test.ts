/** `darkroom inspect` and `darkroom models`, and how texts from files are shown. */

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { columns, formatBytes, formatDuration, printable } from '#cli/terminal';
import { encodeImage } from '#studio/images/codec';
import { cli, fixture, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('inspect', () => {
  it('says what a checkpoint is made of', async () => {
    const { code, stdout } = await cli('inspect', tinyModel);
    expect(code).toBe(0);
    expect(stdout).toContain('title: a Stable Diffusion 1 checkpoint');
    expect(stdout).toContain('prediction: eps');
    expect(stdout).toMatch(/model\.diffusion_model: 787,844 parameters in 208 tensors, f32/);
    expect(stdout).toMatch(/first_stage_model: 658,375 parameters in 124 tensors, f16/);
    expect(stdout).toContain('parameters: 2,259,930');
    expect(stdout).toContain('problems: none');
  });

  it.each([
    ['adapters/embeddings/goldxl.safetensors', { kind: 'embedding', family: 'sdxl' }],
    ['adapters/hypernetworks/gold-plain.pt', { kind: 'hypernetwork' }],
    ['tiny-inpaint', { kind: 'unet', family: 'sd1', variant: 'inpaint', layout: 'folder' }],
    ['tiny-sd1', { kind: 'checkpoint', family: 'sd1', layout: 'folder', problems: [] }],
  ])('knows %s', async (path, facts) => {
    const { code, stdout } = await cli('inspect', fixture(path), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(facts);
  });

  it('finds a model by its name, as every command does', async () => {
    const { code, stdout } = await cli('inspect', 'darkroom-mini', '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { kind: 'checkpoint', family: 'sd1', problems: [] }]);
  });

  it('lists what keeps a checkpoint from being used', async () => {
    const { code, stdout } = await cli('inspect', fixture('ckpt/wrapped-zip.ckpt'), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('problems');
  });

  it('shows the infotext of a picture', async () => {
    const file = join(folder, 'fox.png');
    const image = { width: 8, height: 8, channels: 3, data: new Uint8Array(192) } as const;
    writeFileSync(file, await encodeImage(image, 'png', 'a fox\nSteps: 5, Sampler: Euler, Seed: 1'));
    const { code, stdout } = await cli('inspect', file);
    expect(code).toBe(0);
    expect((await cli('info', file)).stdout).toBe(stdout);
    expect(stdout).toContain('size: 8x8');
    expect(stdout).toContain('infotext:\n  a fox\n  Steps: 5, Sampler: Euler, Seed: 1');
  });

  it('says where a link leads that leads nowhere', async () => {
    const link = join(folder, 'dangling.safetensors');
    symlinkSync(join(folder, 'moved.safetensors'), link);
    const { stderr } = await cli('inspect', link);
    expect(stderr).toMatch(/it is a link to .*moved\.safetensors, which is not there/);
  });

  it.each([
    ['not-there', /no such file or folder/],
    [fixture('ckpt/hostile/reduce-builtin-eval.ckpt'), /refers to "__builtin__\.eval"/],
  ])('fails on %s', async (file, pattern) => {
    const { code, stderr } = await cli('inspect', file);
    expect(code).toBe(1);
    expect(stderr).toMatch(pattern);
  });
});

it('lets one long name not widen a list', () => {
  const [long, short] = [`${'x'.repeat(200)}`, 'fox'];
  expect(
    columns([
      [short, '1'],
      [long, '2'],
    ]),
  ).toEqual([`fox${' '.repeat(57)}  1`, `${long}  2`]);
});

describe('models', () => {
  it('lists what is there, whatever is wrong with it', async () => {
    const { code, stdout } = await cli(
      'models',
      '--models-dir',
      fixture('adapters'),
      '--models-dir',
      fixture('ckpt/hostile'),
      '--json',
    );
    expect(code).toBe(0);
    const rows = stdout.split('\n').map((line) => JSON.parse(line) as { name: string; kind: string });
    const kindOf = new Map(rows.map(({ name, kind }) => [name, kind]));
    expect(kindOf.get('gold-toy')).toBe('embedding');
    expect(kindOf.get('gold-plain')).toBe('hypernetwork');
    expect(rows.find(({ name }) => name === 'reduce-os-system')).toMatchObject({ problem: expect.any(String) });
  });
});

describe('text from files', () => {
  it('cannot act on the terminal', () => {
    expect(printable('a\u001b[31mred\u0007\u009b\u202e\u0000b\nc\td é 狐')).toBe(
      'a\\u001b[31mred\\u0007\\u009b\\u202e\\u0000b\nc\td é 狐',
    );
  });

  it('has sizes and times that people read', () => {
    expect([0, 999, 1000, 12_345, 4_265_380_512].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '12.3 kB',
      '4.3 GB',
    ]);
    expect([0.4, 59, 61, 3725].map(formatDuration)).toEqual(['0s', '59s', '1m 01s', '1h 02m']);
  });
});
