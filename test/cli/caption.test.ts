/** `darkroom caption` with a tagger that sees colours. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { encodeModel } from '#formats/onnx-proto';
import { input, mean } from '#graph/build';
import { symbol } from '#graph/dim';
import { closeGraph } from '#graph/value';
import { lowerGraph } from '#onnx/lower';
import { encodeImage } from '#studio/images/codec';
import { cli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-caption-'));
afterAll(() => rmSync(folder, { recursive: true }));
const photo = join(folder, 'photo.png');
const data = Uint8Array.from({ length: 3 * 64 }, (_, i) => [250, 20, 128][i % 3]!);
writeFileSync(photo, await encodeImage({ width: 8, height: 8, channels: 3, data }, 'png'));

it('says what is missing, then what it sees, also as a file for a training', async () => {
  const none = await cli('caption', photo, '--models-dir', folder);
  expect([none.code === 0, none.stderr]).toEqual([false, expect.stringContaining('no captioner to describe pictures')]);
  mkdirSync(join(folder, 'annotators'));
  const picture = input('picture', 'f32', [1, 3, symbol('height'), symbol('width')]);
  const graph = closeGraph('colours', { scores: mean(picture, [2, 3]) });
  const { model } = lowerGraph(graph, { target: 'cpu', attention: 'fused' });
  writeFileSync(join(folder, 'annotators/colours.onnx'), encodeModel(model));
  const labels = { captioner: 'tags', labels: ['red', 'green', 'dark_blue'] };
  writeFileSync(join(folder, 'annotators/colours.json'), JSON.stringify(labels));
  const seen = await cli('caption', photo, '--models-dir', folder, '--write', '--prefix', 'sks');
  expect([seen.code, seen.stdout]).toEqual([0, 'sks, red, dark blue']);
  expect(readFileSync(join(folder, 'photo.txt'), 'utf8')).toBe('sks, red, dark blue\n');
  const again = await cli('caption', photo, '--models-dir', folder, '--write');
  expect([again.code === 0, again.stderr]).toEqual([false, expect.stringContaining('is there already')]);
});
