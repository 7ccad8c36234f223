import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readAnyInfotext } from './any-infotext.ts';
import { readInfotext } from './read-infotext.ts';

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../test/fixtures/metadata/${name}`, import.meta.url));

describe('readInfotext of pictures that other programs made', () => {
  const lighthouse = 'Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x96';
  it.each([
    ['novelai.png', 'Steps: 28, Sampler: Euler a, CFG scale: 11, Seed: 2711543120, Size: 64x96, Clip skip: 2'],
    ['comfyui.png', 'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 8, Seed: 845612345678901'],
    ['sdnext.png', 'Model hash: 99ad34b169, App: SD.Next'],
    ['itxt-compressed.png', `café, 灯台\nNegative prompt: flou\nSteps: 20, ${lighthouse}`],
    ['itxt-broken-then-good.png', `a lighthouse\nSteps: 20, ${lighthouse}`],
    ['text-in-utf8-as-latin1.png', `a lighthouse, 灯台\nNegative prompt: blurry\nSteps: 20, ${lighthouse}`],
    ['gif-comment.gif', `a lighthouse\nNegative prompt: blurry\nSteps: 20, ${lighthouse}`],
  ])('%s', async (name, text) => {
    expect(await readInfotext(fixture(name))).toContain(text);
  });
});

describe('readInfotext of XMP', () => {
  const grey = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } });
  const packet = (inner: string) =>
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${inner}</rdf:RDF></x:xmpmeta>`;
  const list = (text: string) => `<rdf:Alt><rdf:li xml:lang="x-default">${text}</rdf:li></rdf:Alt>`;

  it('takes what photograph programs kept there, as an element or an attribute, of JPEG and WebP', async () => {
    const text = 'a &lt;b&gt; lighthouse&#10;Steps: 20, Sampler: Euler, Seed: 5';
    const read = 'a <b> lighthouse\nSteps: 20, Sampler: Euler, Seed: 5';
    const element = packet(`<rdf:Description><exif:UserComment>${list(text)}</exif:UserComment></rdf:Description>`);
    const attribute = packet(`<rdf:Description tiff:ImageDescription="${text}"/>`);
    expect(await readInfotext(await grey().withXmp(element).jpeg().toBuffer())).toBe(read);
    expect(await readInfotext(await grey().withXmp(attribute).webp().toBuffer())).toBe(read);
    const other = packet('<rdf:Description><dc:description>a photograph</dc:description></rdf:Description>');
    expect(await readInfotext(await grey().withXmp(other).jpeg().toBuffer())).toBeUndefined();
  });

  it('reads Draw Things in JPEG', async () => {
    const comment = list('{"c": "a fox", "uc": "", "steps": 8, "sampler": "Euler A", "seed": 3, "size": "64x96"}');
    const inner = `<xmp:CreatorTool>Draw Things</xmp:CreatorTool><exif:UserComment>${comment}</exif:UserComment>`;
    const picture = grey()
      .withXmp(packet(`<rdf:Description>${inner}</rdf:Description>`))
      .jpeg();
    expect(await readInfotext(await picture.toBuffer())).toBe(
      'a fox\nSteps: 8, Sampler: Euler a, Seed: 3, Size: 64x96',
    );
  });
});

describe('readAnyInfotext', () => {
  /** A PNG of 64 x 48 with a text in its lowest bits, column by column. */
  async function hiding(text: string, word: string, change: (payload: Buffer) => Buffer = (same) => same) {
    const payload = change(word.endsWith('comp') ? gzipSync(text) : Buffer.from(text));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(payload.length * 8);
    const bytes = Buffer.concat([Buffer.from(word), length, payload]);
    const [width, height] = [64, 48];
    const [channels, first, each] = word.includes('png') ? ([4, 3, 1] as const) : ([3, 0, 3] as const);
    const data = Buffer.alloc(width * height * channels, 254);
    for (let i = 0; i < bytes.length * 8; i++) {
      const [x, y] = [Math.floor(i / each / height), Math.floor(i / each) % height];
      data[(y * width + x) * channels + first + (i % each)]! |= (bytes[i >> 3]! >> (7 - (i % 8))) & 1;
    }
    return await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
  }

  const ours = 'a fox\nSteps: 4, Sampler: Euler, Seed: 1, Size: 64x48';
  it.each(['stealth_pnginfo', 'stealth_pngcomp', 'stealth_rgbinfo', 'stealth_rgbcomp'])(
    'finds what %s hides',
    async (word) => {
      const png = await hiding(ours, word);
      expect(await readInfotext(png)).toBeUndefined();
      expect(await readAnyInfotext(png, 'png')).toBe(ours);
    },
  );

  it('finds all texts of NovelAI, and the JSON of SwarmUI', async () => {
    const comment = JSON.stringify({ steps: 28, sampler: 'k_euler_ancestral', seed: 7, scale: 5, uc: 'lowres' });
    const novel = { Description: 'a fox', Software: 'NovelAI', Source: 'x', Comment: comment };
    const read = async (hidden: object) =>
      await readAnyInfotext(await hiding(JSON.stringify(hidden), 'stealth_pngcomp'), 'png');
    expect(await read(novel)).toContain(
      'a fox\nNegative prompt: lowres\nSteps: 28, Sampler: Euler a, CFG scale: 5, Seed: 7',
    );
    expect(await read({ sui_image_params: { prompt: 'a fox', steps: 4, seed: 1 } })).toBe(
      'a fox\nSteps: 4, Seed: 1, Size: 64x48',
    );
  });

  it('finds nothing where nothing is, or where it is cut off', async () => {
    const cut = await hiding(ours, 'stealth_pngcomp', (payload) => payload.subarray(0, 20));
    expect(await readAnyInfotext(cut, 'png')).toBeUndefined();
    const plain = await sharp({ create: { width: 8, height: 8, channels: 4, background: '#fff' } })
      .png()
      .toBuffer();
    expect(await readAnyInfotext(plain, 'png')).toBeUndefined();
  });
});
