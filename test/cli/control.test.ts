/** cpu: `darkroom annotate`, and `generate --control` on a tiny random model. */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { cli, fixture, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-cli-control-'));
const photo = join(folder, 'photo.png');

beforeAll(async () => {
  mkdirSync(join(folder, 'ControlNet'));
  cpSync(fixture('tiny-controlnet/tiny-controlnet-original.safetensors'), join(folder, 'ControlNet/edges.safetensors'));
  const data = new Uint8Array(3 * 64 * 64);
  for (let i = 0; i < 64 * 64; i++) if (i % 64 >= 32) data.fill(255, 3 * i, 3 * i + 3);
  writeFileSync(photo, await encodeImage({ width: 64, height: 64, channels: 3, data }, 'png'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function pixelsOf(file: string) {
  return (await decodeImage(readFileSync(file))).image;
}

describe('darkroom annotate', () => {
  it('writes the hint beside the picture, and replaces none', async () => {
    const { code, stdout } = await cli('annotate', photo, '--module', 'canny', '--resolution', '64');
    const file = join(folder, 'photo-canny.png');
    expect([code, stdout]).toEqual([0, file]);
    const { data } = await pixelsOf(file);
    expect([data[3 * 31], data[0], data[3 * 63]]).toEqual([255, 0, 0]);
    expect((await cli('annotate', photo, '--module', 'canny')).code).toBe(1);
    expect((await cli('annotate', photo, '--module', 'invert', '--out', file, '--force')).code).toBe(0);
    expect((await pixelsOf(file)).data[0]).toBe(255);
  });

  it('lists modules, and says what it lacks', async () => {
    expect((await cli('annotate', '--list')).stdout).toMatch(/^canny\s+Hard edges\.$/m);
    expect(await cli('annotate', photo)).toMatchObject({ code: 2, stderr: expect.stringContaining('--module') });
    const unknown = await cli('annotate', photo, '--module', 'openpose');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no module "openpose"') });
    const masked = await cli('annotate', photo, '--module', 'inpaint_only');
    expect(masked).toMatchObject({ code: 1, stderr: expect.stringContaining('needs a mask') });
  });
});

describe('darkroom generate --control', () => {
  const generate = (out: string, ...more: string[]) => {
    const common = ['generate', 'a fox', '--model', tinyModel, '--steps', '2', '--seed', '1', '--models-dir', folder];
    return cli(...common, '--width', '64', '--height', '64', '--out', join(folder, out), ...more);
  };

  it('guides the picture, and weight 0 does not', async () => {
    const unit = `canny,model=edges,image=${photo},resolution=64`;
    expect((await generate('plain.png')).code).toBe(0);
    expect((await generate('guided.png', '--control', `${unit},end=0.9,low-memory`)).code).toBe(0);
    const none = await generate('none.png', '--control', `${unit},weight=0`);
    expect(none.stdout + none.stderr).toContain('Control unit 0 is left out: its weight is 0.');
    const [plain, guided, without] = await Promise.all(
      ['plain.png', 'guided.png', 'none.png'].map((name) => pixelsOf(join(folder, name))),
    );
    expect(without).toEqual(plain);
    expect(guided!.data.some((v, i) => Math.abs(v - plain!.data[i]!) > 2)).toBe(true);
  });

  it.each([
    ['canny,model=edges,image=gone.png', /--control image "gone\.png": there is no such file/],
    ['canny,size=3', /--control: "size=3" is no part of a unit; those are image=\.\.\., mask=/],
    [`canny,model=edges,image=PHOTO,weight=5`, /--control weight must be at most 2; got 5/],
    [`canny,model=edges,image=PHOTO,start=0.9,end=0.1`, /start/],
    [`canny,image=PHOTO`, /Control unit 0 has no model/],
    [`canny,model=lines,image=PHOTO`, /there is no control model "lines"/],
    [`openpose,model=edges,image=PHOTO`, /There is no module "openpose"/],
  ])('refuses %s in a sentence', async (unit, sentence) => {
    const { code, stderr } = await generate('refused.png', '--control', unit.replace('PHOTO', photo));
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(sentence);
    expect(existsSync(join(folder, 'refused.png'))).toBe(false);
  });
});
