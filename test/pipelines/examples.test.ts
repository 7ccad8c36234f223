/** The trained examples that come with Darkroom, on the embedded model: each opens, acts, and is found on request. */

import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type GenerateEvent, generateSchema } from '#pipelines/request';
import { modelRoots, ownExamples } from '#studio/library/roots';
import { createEngine } from '../../src/engine-main.ts';

const engine = createEngine({ device: 'cpu', modelRoots: [ownExamples], options: { threads: 1 } });
afterAll(() => engine.dispose());

async function draw(prompt: string, settings: object = {}) {
  const small = { steps: 1, width: 64, height: 64 };
  const request = generateSchema.parse({ prompt, ...small, seed: 3, model: 'darkroom-mini', ...settings });
  const edges = { width: 8, height: 8, channels: 1 as const, data: new Uint8Array(64).fill(255) };
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate({ ...request, controlPictures: [{ image: edges }] })) events.push(event);
  const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  const [pixels] = events.flatMap((event) => (event.type === 'image' ? [[...event.image.data]] : []));
  return { pixels, warnings };
}

it('each changes the picture, without a warning', async () => {
  const plain = await draw('a fox');
  const drawn = [
    await draw('a fox <lora:mini-woodcut:1>'),
    await draw('a fox <hypernet:mini-sunset:1>'),
    await draw('a polarbear'),
    await draw('a fox', { controls: [{ module: 'none', model: 'mini-edges' }] }),
  ];
  for (const { pixels, warnings } of drawn) {
    expect(warnings).toEqual([]);
    expect(pixels).not.toEqual(plain.pixels);
  }
});

it('they are small, and new models never go where they lie', () => {
  const files = readdirSync(ownExamples, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThanOrEqual(4);
  for (const { parentPath, name } of files) expect(statSync(path.join(parentPath, name)).size).toBeLessThan(2e6);
  expect(modelRoots()).not.toContain(ownExamples);
  expect(modelRoots([ownExamples, '/mine'])).toEqual([...modelRoots(['/mine']), ownExamples]);
});
