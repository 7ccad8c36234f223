import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { modelRoots } from './roots.ts';
import { scanModels } from './scan.ts';

it('follows links to other disks, into no endless tree and into nothing of the system', async () => {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-scan-'));
  const [models, other] = [join(root, 'models', 'Lora'), join(root, 'other')];
  for (let i = 0; i < 20; i++) {
    mkdirSync(join(other, `folder-${i}`), { recursive: true });
    writeFileSync(join(other, `folder-${i}`, 'a.safetensors'), '');
  }
  mkdirSync(models, { recursive: true });
  symlinkSync(other, join(models, 'linked'));
  symlinkSync('/proc', join(models, 'proc'));
  symlinkSync('/dev', join(models, 'dev'));
  const found = await scanModels([join(root, 'models')]);
  expect(new Set(found.map(({ name }) => name)).size).toBe(20);
  expect((await scanModels([join(root, 'models')], 8)).length).toBeLessThan(8);
  rmSync(root, { recursive: true });
});

it('looks where the web UI has models outside of its models folder, whichever of the two is given', async () => {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-webui-'));
  const files = ['models/Stable-diffusion/a', 'embeddings/b', 'extensions/sd-webui-controlnet/models/c'];
  for (const file of files) {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, `${file}.safetensors`), '');
  }
  writeFileSync(join(root, 'embeddings', 'd.png'), '');
  for (const given of [root, join(root, 'models')]) {
    const found = (await scanModels(modelRoots([given]))).filter(({ path }) => path.startsWith(root));
    expect(found.map(({ name, kind }) => [name, kind])).toEqual([
      ['a', 'checkpoint'],
      ['b', 'embedding'],
      ['c', undefined],
      ['d', 'embedding'],
    ]);
  }
  expect(modelRoots([join(root, 'embeddings')])).not.toContain(join(root, 'models'));
  rmSync(root, { recursive: true });
});
