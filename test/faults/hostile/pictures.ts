/** Pictures that are small, and long or large for whoever opens them without care. */

import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import {
  emptyBlocks,
  exifComment,
  jpeg,
  packedChunk,
  png,
  pngChunk,
  textChunk,
  tiff,
  utf8Chunk,
  webp,
} from './bytes.ts';
import { hostileGraphs, hostileTexts } from './texts.ts';

const mebibyte = 2 ** 20;

/** By what they are; made one at a time, since some are large. */
export function hostilePictures(): Readonly<Record<string, () => Promise<Uint8Array> | Uint8Array>> {
  return { ...packedTexts, ...sizes(), ...exifs(), ...containers, ...textsInside() };
}

const bomb = (bytes: number) => deflateSync(Buffer.alloc(bytes, 97), { level: 9 });
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

const packedTexts: Record<string, () => Uint8Array> = {
  '6,000 zTXt of a mebibyte each': () =>
    png(
      {},
      times(6000, (i) => packedChunk(`k${i}`, bomb(mebibyte))),
    ),
  '200 zTXt parameters of a mebibyte each': () =>
    png(
      {},
      times(200, () => packedChunk('parameters', bomb(mebibyte))),
    ),
  'a zTXt of a gibibyte': () =>
    png({}, [packedChunk('parameters', Buffer.concat(times(16, () => bomb(64 * mebibyte))))]),
  'a zTXt of 64 MiB': () => png({}, [packedChunk('parameters', bomb(64 * mebibyte))]),
  '200 iTXt prompts of 4 MiB each': () =>
    png(
      {},
      times(200, () => utf8Chunk('prompt', bomb(4 * mebibyte))),
    ),
  'a zTXt of empty blocks': () => png({}, [packedChunk('parameters', emptyBlocks(600_000))]),
  '60 zTXt of empty blocks': () =>
    png(
      {},
      times(60, () => packedChunk('parameters', emptyBlocks(100_000))),
    ),
  'a zTXt of noise': () => png({}, [packedChunk('parameters', Buffer.alloc(500_000, 0xa5))]),
  '300,000 empty texts': () =>
    png(
      {},
      times(300_000, () => textChunk('a', '')),
    ),
  '100,000 parameters': () =>
    png(
      {},
      times(100_000, () => textChunk('parameters', 'a')),
    ),
  'a keyword of a mebibyte': () => png({}, [textChunk('k'.repeat(mebibyte), 'a')]),
  'an ICC profile of 256 MiB': () =>
    png({}, [pngChunk('iCCP', Buffer.concat([Buffer.from('a\0\0'), bomb(256 * mebibyte)]))]),
  'text after the pixels': () =>
    png(
      {},
      [],
      times(50_000, () => textChunk('parameters', 'a')),
    ),
};

function sizes(): Record<string, () => Promise<Uint8Array> | Uint8Array> {
  const said = (width: number, height: number) => () => png({ width, height });
  return {
    '2,097,176 x 16, said': said(2_097_176, 16),
    '65,535 x 65,535, said': said(65_535, 65_535),
    '2^31 - 1 wide, said': said(2 ** 31 - 1, 1),
    '0 x 0': said(0, 0),
    '16 x 2,000,000, said': said(16, 2_000_000),
    '8192 x 8192 of one colour': async () => await flat(8192, 8192),
    '16,384 x 4,096 of one colour': async () => await flat(16_384, 4096),
    '8193 x 8192 of one colour': async () => await flat(8193, 8192),
    '8192 x 8192, pixels missing': async () => (await flat(8192, 8192)).subarray(0, 20_000),
    'pixels of a gibibyte for 8 x 8': () => png({ pixels: Buffer.concat(times(16, () => bomb(64 * mebibyte))) }),
    'pixels that are no stream': () => png({ width: 4096, height: 4096, pixels: Buffer.alloc(1000, 0xff) }),
    'pixels of empty blocks': () => png({ width: 4096, height: 4096, pixels: emptyBlocks(5_000_000) }),
    '200,000 empty IDAT': () =>
      png(
        {},
        times(200_000, () => pngChunk('IDAT', new Uint8Array())),
      ),
    '20,000 frames of an APNG': () =>
      png(
        {},
        [pngChunk('acTL', Buffer.from('00004e2000000000', 'hex'))],
        times(20_000, () => pngChunk('fdAT', Buffer.alloc(40))),
      ),
    '1 x 8192 x 16 bit': async () =>
      await sharp({ create: { width: 8192, height: 8192, channels: 3, background: '#123456' } })
        .toColourspace('rgb16')
        .png({ compressionLevel: 9 })
        .toBuffer(),
    'a JPEG of 8192 x 8192': async () =>
      await sharp({ create: { width: 8192, height: 8192, channels: 3, background: '#123456' } })
        .jpeg()
        .toBuffer(),
    'a WebP of 8192 x 8192': async () =>
      await sharp({ create: { width: 8192, height: 8192, channels: 3, background: '#123456' } })
        .webp()
        .toBuffer(),
    'a GIF of 8192 x 8192': async () =>
      await sharp({ create: { width: 8192, height: 8192, channels: 3, background: '#123456' } })
        .gif()
        .toBuffer(),
  };
}

async function flat(width: number, height: number): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 4, background: '#12345680' } })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

async function small(format: 'webp' | 'jpeg' | 'gif'): Promise<Buffer> {
  const made = sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } });
  return await made.toFormat(format, format === 'webp' ? { lossless: false } : {}).toBuffer();
}

function exifs(): Record<string, () => Promise<Uint8Array>> {
  const nuls = (size: number) =>
    exifComment(Buffer.concat([Buffer.from('UNICODE\0'), Buffer.alloc(size), Buffer.from('a')]));
  const inWebp = (exif: readonly Uint8Array[]) => async () => webp(await small('webp'), exif);
  const inJpeg = (segments: readonly (readonly [number, Uint8Array])[]) => async () =>
    jpeg(await small('jpeg'), segments);
  const app1 = (exif: Uint8Array) => Buffer.concat([Buffer.from('Exif\0\0'), exif]);
  const entries = (count: number, row: readonly [number, number, number, number]) =>
    tiff(
      times(count, () => row),
      Buffer.alloc(64),
    );
  return {
    'EXIF of 180 kB of NULs': inWebp([nuls(180_000)]),
    'EXIF of 6 MB of NULs': inWebp([nuls(6_000_000)]),
    'EXIF of NULs and letters in turn': inWebp([
      exifComment(Buffer.concat([Buffer.from('ASCII\0\0\0'), Buffer.alloc(2_000_000, 'a\0')])),
    ]),
    'EXIF of JIS': inWebp([exifComment(Buffer.concat([Buffer.from('JIS\0\0\0\0\0'), Buffer.alloc(2_000_000, 0x1b)]))]),
    '40 EXIF of 100 kB': inWebp(times(40, () => nuls(100_000))),
    'EXIF of 65,535 directories': inWebp([entries(65_535, [0x8769, 4, 1, 8])]),
    'EXIF of 65,535 endless comments': inWebp([entries(65_535, [0x9286, 7, 0xffff_ffff, 8])]),
    'EXIF that points to itself': inWebp([
      tiff(
        [
          [0x8769, 4, 1, 8],
          [0x0201, 4, 1, 8],
        ],
        Buffer.alloc(16),
      ),
    ]),
    'EXIF of doubles, 2^32 of them': inWebp([entries(500, [0x010e, 12, 0xffff_ffff, 4])]),
    '500 EXIF segments in a JPEG': inJpeg(times(500, () => [0xe1, app1(nuls(60_000))] as const)),
    '20,000 comments in a JPEG': inJpeg(times(20_000, () => [0xfe, Buffer.from('parameters')] as const)),
    '100 comments of 65 kB in a JPEG': inJpeg(times(100, () => [0xfe, Buffer.alloc(65_000, 40)] as const)),
    'a JPEG that says 65,535 x 65,535': async () => {
      const file = Buffer.from(await small('jpeg'));
      const frame = file.indexOf(Buffer.from([0xff, 0xc0]));
      file.writeUInt16BE(65_535, frame + 5);
      file.writeUInt16BE(65_535, frame + 7);
      return file;
    },
    'a progressive JPEG whose last scan comes 2,000 times': async () => {
      const file = await sharp({ create: { width: 2048, height: 2048, channels: 3, background: '#123456' } })
        .jpeg({ progressive: true })
        .toBuffer();
      const scan = file.subarray(file.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
      return Buffer.concat([file.subarray(0, -2), ...times(2000, () => scan), file.subarray(-2)]);
    },
  };
}

const containers: Record<string, () => Promise<Uint8Array> | Uint8Array> = {
  nothing: () => Buffer.alloc(0),
  'a GIF of 5,000 frames': async () => {
    const file = await small('gif');
    const frame = file.subarray(file.indexOf(Buffer.from([0x2c])), -1);
    return Buffer.concat([file.subarray(0, -1), ...times(5000, () => frame), Buffer.from([0x3b])]);
  },
  'a GIF comment of 8 MB': async () => {
    const file = await small('gif');
    const blocks = times(31_000, () => Buffer.concat([Buffer.from([255]), Buffer.alloc(255, 40)]));
    return Buffer.concat([file.subarray(0, -1), Buffer.from([0x21, 0xfe]), ...blocks, Buffer.from([0, 0x3b])]);
  },
  'a GIF of 65,535 x 65,535, said': async () => {
    const file = Buffer.from(await small('gif'));
    file.fill(0xff, 6, 10);
    return file;
  },
  'XMP of 20 MB in a WebP': async () => riffWith(await small('webp'), 'XMP ', Buffer.alloc(20 * mebibyte, '<a>')),
  'an ICC profile of 20 MB in a WebP': async () =>
    riffWith(await small('webp'), 'ICCP', Buffer.alloc(20 * mebibyte, 1)),
  '100,000 frames said of a WebP': async () => {
    const frame = Buffer.concat([Buffer.from('ANMF\x18\0\0\0', 'latin1'), Buffer.alloc(24)]);
    return riffWith(
      await small('webp'),
      'ANIM',
      Buffer.alloc(6),
      times(100_000, () => frame),
    );
  },
  '10,000 XMP segments in a JPEG': async () =>
    jpeg(
      await small('jpeg'),
      times(10_000, () => [0xe1, Buffer.from('http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>')] as const),
    ),
  '255 ICC segments in a JPEG': async () =>
    jpeg(
      await small('jpeg'),
      times(
        255,
        (i) =>
          [0xe2, Buffer.concat([Buffer.from('ICC_PROFILE\0'), Buffer.from([i, 255]), Buffer.alloc(65_000)])] as const,
      ),
    ),
  '200,000 fill bytes before each marker of a JPEG': async () => {
    const file = await small('jpeg');
    return Buffer.concat([file.subarray(0, 2), Buffer.alloc(200_000, 0xff), file.subarray(2)]);
  },
  'a HEIC by its name': () =>
    Buffer.concat([Buffer.from('0000001c6674797068656963000000006d69663168656963', 'hex'), Buffer.alloc(100_000)]),
  'a JPEG XL': () => Buffer.concat([Buffer.from('ff0a', 'hex'), Buffer.alloc(100_000, 0x7f)]),
  'a BMP of 2^31 rows': () => {
    const file = Buffer.alloc(54);
    file.write('BM');
    file.writeInt32LE(54, 10);
    file.writeInt32LE(40, 14);
    file.writeInt32LE(2 ** 30, 18);
    file.writeInt32LE(-(2 ** 31), 22);
    return file;
  },
  'a TIFF of 65,535 directories in a circle': () =>
    tiff(
      times(65_535, () => [0x014a, 4, 1, 8] as const),
      Buffer.alloc(16),
    ),
  'an AVIF of boxes in boxes': () => {
    const box = (depth: number) =>
      Buffer.concat(
        times(depth, (i) => Buffer.from(`${(8 * (depth - i)).toString(16).padStart(8, '0')}6d657461`, 'hex')),
      );
    return Buffer.concat([
      Buffer.from('0000001c6674797061766966000000006d69663161766966', 'hex'),
      Buffer.alloc(4),
      box(20_000),
    ]);
  },
  'an AVIF whose boxes have no size': () =>
    Buffer.concat([Buffer.from('0000001c6674797061766966000000006d69663161766966', 'hex'), Buffer.alloc(200_000)]),
  'an SVG of a billion laughs': () =>
    Buffer.from(
      `<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha">${times(9, (i) => `<!ENTITY ${'abcdefghij'[i + 1]} "${`&${'abcdefghij'[i]};`.repeat(10)}">`).join('')}]><svg xmlns="http://www.w3.org/2000/svg"><text>&j;</text></svg>`,
    ),
  'an SVG of a mebibyte of paths': () =>
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="100000" height="100000">${'<path d="M0 0L9 9"/>'.repeat(50_000)}</svg>`,
    ),
  'a PDF': () => Buffer.from('%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\n'),
  'a TIFF': async () =>
    await sharp({ create: { width: 4096, height: 4096, channels: 3, background: '#000' } })
      .tiff()
      .toBuffer(),
  'a WebP that is half there': async () => (await small('webp')).subarray(0, 20),
  'a RIFF of 50,000 chunks': () =>
    Buffer.concat([
      Buffer.from('RIFF'),
      Buffer.from([0x84, 0x1a, 0x06, 0]),
      Buffer.from('WEBP'),
      Buffer.alloc(400_000, 'EXIF\0\0\0\0'),
    ]),
  '60 MB of noise behind a PNG name': () =>
    Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(60 * mebibyte, 0x5a)]),
  'a PNG whose first chunk has no end': () =>
    Buffer.concat([Buffer.from('89504e470d0a1a0affffffff49484452', 'hex'), Buffer.alloc(1000)]),
};

/** A WebP with one more chunk, and what follows it. */
function riffWith(file: Uint8Array, type: string, data: Uint8Array, after: readonly Uint8Array[] = []): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(data.length);
  const whole = Buffer.concat([file, Buffer.from(type), size, data, ...after]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

/** What a reader of settings makes of a picture's text. */
function textsInside(): Record<string, () => Uint8Array> {
  const latin = /^[\x00-\xff]*$/;
  const texts = Object.entries(hostileTexts(180_000)).filter(([, text]) => latin.test(text));
  const plain = texts.map(([name, text]) => [`infotext: ${name}`, () => png({}, [textChunk('parameters', text)])]);
  const graphs = Object.entries(hostileGraphs(400_000)).flatMap(([name, text]) => [
    [`ComfyUI: ${name}`, () => png({}, [textChunk('prompt', text), textChunk('workflow', text)])],
    [`NovelAI: ${name}`, () => png({}, [textChunk('Software', 'NovelAI'), textChunk('Comment', text)])],
    [`Fooocus: ${name}`, () => png({}, [textChunk('fooocus_scheme', 'fooocus'), textChunk('parameters', text)])],
    [`InvokeAI: ${name}`, () => png({}, [textChunk('invokeai_metadata', text)])],
  ]);
  return Object.fromEntries([...plain, ...graphs]) as Record<string, () => Uint8Array>;
}
