/** Taggers: what they are fed, which tags come of it, and what is refused. The network is a stand-in. */

import { describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor } from '#core/tensor';
import type { Backend, ForeignPort } from '#engine/backend';
import { captionPicture, readTagTable } from './captioner.ts';

/** Answers with these numbers, and keeps what it was fed. */
function backendOf(answer: number[], port: Partial<ForeignPort> = {}) {
  const fed: HostTensor[] = [];
  const input = { name: 'input', dtype: 'f32', shape: [undefined, 2, 2, 3], ...port } as ForeignPort;
  const session = {
    inputs: [input],
    outputs: [],
    run: async (feeds: Record<string, HostTensor>) => {
      fed.push(feeds.input!);
      return { out: f32([1, answer.length], Float32Array.from(answer)) };
    },
    dispose: async () => {},
  };
  return { fed, backend: { name: 'cpu', openOnnx: async () => session } as unknown as Backend };
}

const wide: PixelImage = { width: 2, height: 1, channels: 3, data: Uint8Array.of(10, 20, 30, 40, 50, 60) };
const wd = { name: 'wd', path: 'wd.onnx', settings: undefined, tags: [undefined, 'blue_sky', 'fox_(animal)', 'cat'] };

describe('a tagger', () => {
  it('of the WD kind gets BGR bytes in a white square, and its ratings are no tags', async () => {
    const { fed, backend } = backendOf([0.99, 0.5, 0.9, 0.1]);
    const made = await captionPicture(backend, wd, wide);
    expect([fed[0]!.shape, [...fed[0]!.data].slice(0, 6)]).toEqual([
      [1, 2, 2, 3],
      [30, 20, 10, 60, 50, 40],
    ]);
    expect([...fed[0]!.data].slice(6)).toEqual(new Array(6).fill(255));
    expect(made.caption).toBe('fox (animal), blue sky');
    expect((await captionPicture(backend, wd, wide, 0.05)).tags.map(({ tag }) => tag)).toEqual([
      'fox (animal)',
      'blue sky',
      'cat',
    ]);
  });

  it('of another kind is fed as its file says', async () => {
    const settings = { captioner: 'tags', labels: ['a', 'b'], range: 'signed', logits: true };
    const { fed, backend } = backendOf([2, -2], { shape: [1, 3, 1, 2] });
    const made = await captionPicture(backend, { name: 'own', path: 'own.onnx', settings }, wide);
    expect([...fed[0]!.data].map((v) => Math.round((Number(v) + 1) * 127.5))).toEqual([10, 40, 20, 50, 30, 60]);
    expect(made.tags).toEqual([{ tag: 'a', score: expect.closeTo(0.8808, 3) }]);
  });

  it('that is none is refused', async () => {
    const { backend } = backendOf([1]);
    const own = (settings: object) => captionPicture(backend, { name: 'own', path: 'own.onnx', settings }, wide);
    await expect(own({ captioner: 'tags' })).rejects.toThrow('own has no list of tags');
    await expect(own({ labels: ['a', 'b'] })).rejects.toThrow('out [1, 1] for 2 tags');
    await expect(own({ labels: ['a'], order: 'cmyk' })).rejects.toThrow('own.json: order');
    const odd = backendOf([1], { shape: [1, 5] });
    await expect(captionPicture(odd.backend, wd, wide)).rejects.toThrow('something else than one picture');
  });
});

it('a table of tags is read by its columns', () => {
  const text = 'tag_id,name,category,count\n9999,general,9,1\n1,"a,b",0,5\n2,solo,0,7\n';
  expect(readTagTable(text, 'x.csv')).toEqual([undefined, 'a,b', 'solo']);
  expect(() => readTagTable('x\n1', 'x.csv')).toThrow('names no column "name"');
});
