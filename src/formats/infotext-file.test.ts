import { deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { concatBytes } from './bytes.ts';
import { crc32 } from './crc32.ts';
import { buildExifUserComment, readExifUserComment } from './exif.ts';
import { embedInfotext, readInfotext, readPictureTexts } from './infotext-file.ts';
import { setJpegExif } from './jpeg-exif.ts';
import { pngChunks, readPngTexts, setPngText } from './png-text.ts';

const latin =
  'a castle, größe\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512';
const beyond = `${latin}, 城, \u{1f3f0}`;

function pixels(alpha: boolean): Sharp {
  const channels = alpha ? 4 : 3;
  const raw = Uint8Array.from({ length: 21 * 13 * channels }, (_, i) => (i * 37) % 256);
  return sharp(raw, { raw: { width: 21, height: 13, channels } });
}

const pictures: [string, () => Promise<Buffer>][] = [
  ['PNG', () => pixels(false).png().toBuffer()],
  ['JPEG', () => pixels(false).jpeg().toBuffer()],
  [
    'JPEG with EXIF and ICC',
    () => pixels(false).withMetadata({ density: 300 }).withIccProfile('srgb').jpeg().toBuffer(),
  ],
  ['lossy WebP', () => pixels(false).webp().toBuffer()],
  ['lossy WebP with alpha', () => pixels(true).webp().toBuffer()],
  ['lossless WebP', () => pixels(false).webp({ lossless: true }).toBuffer()],
  ['lossless WebP with alpha', () => pixels(true).webp({ lossless: true }).toBuffer()],
  [
    'WebP with EXIF',
    () =>
      pixels(false)
        .withExif({ IFD0: { Artist: 'x' } })
        .webp()
        .toBuffer(),
  ],
];

function chunk(type: string, ...parts: (string | Uint8Array)[]): Uint8Array {
  const body = Buffer.concat([type, ...parts].map((p) => (typeof p === 'string' ? Buffer.from(p, 'latin1') : p)));
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(body.length - 4, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), out.length - 4);
  return new Uint8Array(out);
}

async function pngWith(...chunks: Uint8Array[]): Promise<Uint8Array> {
  const png = new Uint8Array(await pixels(false).png().toBuffer());
  return concatBytes([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

describe('embedInfotext and readInfotext', () => {
  it.each(pictures)('%s: keeps the pixels, and gives back what was put in, once', async (_, make) => {
    const plain = new Uint8Array(await make());
    expect(await readInfotext(plain)).toBeUndefined();
    const before = await sharp(plain).raw().toBuffer({ resolveWithObject: true });
    let picture: Uint8Array = plain;
    for (const text of [beyond, latin, '']) {
      picture = embedInfotext(picture, text);
      expect(await readInfotext(picture)).toBe(text);
      const after = await sharp(picture).raw().toBuffer({ resolveWithObject: true });
      expect(after.info).toEqual(before.info);
      expect(after.data.equals(before.data)).toBe(true);
    }
    // Nothing of the earlier, longer texts is left behind.
    const overhead = embedInfotext(plain, '').length;
    expect(picture.length).toBe(overhead);
  });

  it('is found by sharp where A1111 looks for it', async () => {
    for (const [name, make] of pictures) {
      const { exif, comments } = await sharp(embedInfotext(new Uint8Array(await make()), latin)).metadata();
      if (name === 'PNG')
        expect(comments).toEqual([{ keyword: 'parameters', text: expect.stringMatching(/^a castle/) }]);
      else expect(readExifUserComment(new Uint8Array(exif!))).toBe(latin);
    }
  });

  it('reads EXIF that sharp wrote, and the eXIf chunk of PNG', async () => {
    const exif = { IFD0: { Artist: 'x' }, IFD2: { UserComment: 'made by sharp' } };
    for (const make of [pixels(false).withExif(exif).jpeg(), pixels(false).withExif(exif).webp()]) {
      expect(await readInfotext(new Uint8Array(await make.toBuffer()))).toBe('made by sharp');
    }
    expect(await readInfotext(await pngWith(chunk('eXIf', buildExifUserComment(beyond))))).toBe(beyond);
  });

  it('refuses other files', async () => {
    await expect(readInfotext(Uint8Array.of(1, 2, 3))).rejects.toThrow(
      expect.objectContaining({ code: 'picture.unsupported' }),
    );
    expect(() => embedInfotext(new Uint8Array(), '')).toThrow(expect.objectContaining({ code: 'picture.unsupported' }));
  });

  it('reports every cut of a file as an error or as no infotext, never as a wrong text', async () => {
    for (const [, make] of pictures) {
      const whole = embedInfotext(new Uint8Array(await make()), beyond);
      for (let n = 0; n < whole.length; n += 7) {
        let got: string | undefined;
        try {
          got = await readInfotext(whole.subarray(0, n));
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(png|jpeg|webp|picture)\./) });
        }
        expect([undefined, beyond]).toContain(got);
      }
    }
  });
});

describe('readInfotext of what others wrote', () => {
  const words = 'a lighthouse, 灯台\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x96';
  const utf8 = Buffer.from(words);

  it('finds text after the pixels, compressed or not', async () => {
    const png = new Uint8Array(await pixels(false).png().toBuffer());
    for (const added of [
      chunk('iTXt', 'parameters\0\x01\0\0\0', deflateSync(utf8)),
      chunk('iTXt', 'parameters\0\0\0\0\0', utf8),
    ]) {
      expect(await readInfotext(concatBytes([png.subarray(0, -12), added, png.subarray(-12)]))).toBe(words);
    }
  });

  it('passes over a broken text to a good one, and takes UTF-8 in a Latin-1 chunk for what it is', async () => {
    const broken = chunk('iTXt', 'parameters\0\x01\0\0\0nonsense');
    const cut = chunk('iTXt', 'Comment\0\0\0x');
    expect(await readInfotext(await pngWith(broken, cut, chunk('tEXt', 'parameters\0', utf8)))).toBe(words);
    expect(await readInfotext(await pngWith(chunk('tEXt', 'parameters\0', utf8), broken))).toBe(words);
  });

  it('writes letters that look like UTF-8 so that they are read as they are', async () => {
    const png = await pngWith();
    for (const text of ['Ã©', 'é', 'plain']) expect(await readInfotext(embedInfotext(png, text))).toBe(text);
  });

  it('reads comments of JPEG and GIF, and the EXIF item of AVIF', async () => {
    const jpeg = new Uint8Array(await pixels(false).jpeg().toBuffer());
    const com = Uint8Array.of(0xff, 0xfe, (utf8.length + 2) >> 8, (utf8.length + 2) & 255);
    expect(await readInfotext(concatBytes([jpeg.subarray(0, 2), com, utf8, jpeg.subarray(2)]))).toBe(words);
    const gif = new Uint8Array(await pixels(false).gif().toBuffer());
    const extension = concatBytes([Uint8Array.of(0x21, 0xfe, utf8.length), utf8, new Uint8Array(1)]);
    expect(await readInfotext(concatBytes([gif.subarray(0, -1), extension, gif.subarray(-1)]))).toBe(words);
    expect(await readInfotext(gif)).toBeUndefined();
    const exif = { IFD2: { UserComment: 'made by sharp' } };
    expect(await readInfotext(new Uint8Array(await pixels(false).withExif(exif).avif().toBuffer()))).toBe(
      'made by sharp',
    );
    expect(await readInfotext(new Uint8Array(await pixels(false).avif().toBuffer()))).toBeUndefined();
  });

  it('gives other programs’ texts by their keywords, in PNG and in EXIF', async () => {
    const png = await pngWith(chunk('tEXt', 'prompt\0{}'), chunk('tEXt', 'workflow\0[]'));
    expect([...(await readPictureTexts(png, ['prompt']))]).toEqual([['prompt', '{}']]);
    const webp = await pixels(false)
      .withExif({ IFD0: { Model: 'prompt:{"1":2}', Make: 'workflow:{}' } })
      .webp()
      .toBuffer();
    expect((await readPictureTexts(new Uint8Array(webp), ['prompt'])).get('prompt')).toBe('{"1":2}');
  });

  it('gives XMP packets of JPEG and WebP as those of PNG', async () => {
    const keyword = 'XML:com.adobe.xmp';
    const packet = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="x">灯台</rdf:RDF></x:xmpmeta>';
    for (const make of [pixels(false).withXmp(packet).jpeg(), pixels(true).withXmp(packet).webp()]) {
      const picture = new Uint8Array(await make.toBuffer());
      expect((await readPictureTexts(picture, [keyword])).get(keyword)).toContain('>灯台<');
      expect((await readPictureTexts(picture, [])).has(keyword)).toBe(false);
    }
  });

  it('gives nothing, and an error at most, for every cut of an AVIF and a GIF', async () => {
    const exif = { IFD2: { UserComment: 'made by sharp' } };
    for (const make of [pixels(false).withExif(exif).avif(), pixels(false).gif()]) {
      const whole = new Uint8Array(await make.toBuffer());
      for (let n = 0; n < whole.length; n++) {
        try {
          expect([undefined, 'made by sharp']).toContain(await readInfotext(whole.subarray(0, n)));
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(avif|gif|picture)\./) });
        }
      }
    }
  });
});

describe('PNG text chunks', () => {
  it('reads all three kinds, in order', async () => {
    const png = await pngWith(
      chunk('tEXt', 'Title\0caf\xe9'),
      chunk('zTXt', 'Comment\0\0', deflateSync(Buffer.from('long '.repeat(100)))),
      chunk('iTXt', 'Author\0\0\0de\0Verfasser\0', Buffer.from('Zoë 城')),
      chunk('iTXt', 'Packed\0\x01\0\0\0', deflateSync(Buffer.from('城'.repeat(50)))),
    );
    expect(await readPngTexts(png)).toEqual([
      { chunk: 'tEXt', keyword: 'Title', text: 'café' },
      { chunk: 'zTXt', keyword: 'Comment', text: 'long '.repeat(100) },
      { chunk: 'iTXt', keyword: 'Author', text: 'Zoë 城' },
      { chunk: 'iTXt', keyword: 'Packed', text: '城'.repeat(50) },
    ]);
  });

  it('skips malformed and oversized texts but reads the rest', async () => {
    const png = await pngWith(
      chunk('tEXt', 'no separator'),
      chunk('tEXt', `${'k'.repeat(80)}\0x`),
      chunk('iTXt', 'parameters\0\0\0\0\0\xff\xfe'),
      chunk('iTXt', 'parameters\0\0\0no end'),
      chunk('zTXt', 'parameters\0\0', deflateSync(new Uint8Array(2 ** 20 + 1))),
      chunk('zTXt', 'parameters\0\x07', deflateSync(Buffer.from('unknown method'))),
      chunk('tEXt', 'parameters\0', new Uint8Array(2 ** 20 + 1).fill(65)),
      chunk('tEXt', 'parameters\0kept'),
    );
    expect(await readPngTexts(png)).toEqual([{ chunk: 'tEXt', keyword: 'parameters', text: 'kept' }]);
  });

  it('puts the text before the pixels as tEXt or iTXt and leaves other chunks as they were', async () => {
    const png = await pngWith(
      chunk('tEXt', 'Title\0t'),
      chunk('zTXt', 'parameters\0\0', deflateSync(Buffer.from('old'))),
    );
    for (const [text, type] of [
      [latin, 'tEXt'],
      [beyond, 'iTXt'],
    ] as const) {
      const types = [...pngChunks(setPngText(png, 'parameters', text))].map((c) => c.type);
      expect(types.filter((t) => t === type).length).toBe(type === 'tEXt' ? 2 : 1);
      expect(types.lastIndexOf(type)).toBeLessThan(types.indexOf('IDAT'));
      expect(types.includes('zTXt')).toBe(false);
    }
    const removed = setPngText(setPngText(png, 'parameters', latin), 'parameters', undefined);
    expect(await readPngTexts(removed)).toEqual([{ chunk: 'tEXt', keyword: 'Title', text: 't' }]);
  });

  it('replaces NUL, which PNG text cannot hold', async () => {
    const written = setPngText(await pngWith(), 'parameters', 'a\0b');
    expect((await readPngTexts(written, ['parameters'])).at(-1)?.text).toBe('a\ufffdb');
  });

  it('checks every CRC, chunk type and keyword', async () => {
    const png = await pngWith();
    for (let at = 8; at < png.length; at++) {
      const damaged = png.slice();
      damaged[at]! ^= 0x10;
      expect(() => [...pngChunks(damaged)]).toThrow(expect.objectContaining({ code: expect.stringMatching(/^png\./) }));
    }
    for (const keyword of ['', ' a', 'a  b', 'a\n', 'é'.repeat(80), '城']) {
      expect(() => setPngText(png, keyword, 'x')).toThrow(expect.objectContaining({ code: 'png.keyword' }));
    }
  });
});

describe('the work for one picture', () => {
  it.each([10, 20, 40])('is bounded for %i texts of a mebibyte each, packed small', async (count) => {
    const packed = deflateSync(Buffer.alloc(2 ** 20, 'x'));
    const png = await pngWith(...Array.from({ length: count }, (_, i) => chunk('zTXt', `k${i}\0\0`, packed)));
    expect((await readPngTexts(png)).map(({ text }) => text.length)).toEqual(Array(4).fill(2 ** 20));
    expect((await readPngTexts(png, ['k9', 'none'])).map(({ keyword }) => keyword)).toEqual(['k9']);
    expect(await readInfotext(png)).toBeUndefined();
  });

  it('counts texts that fail as those that do not', async () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 21, 'x'));
    const bombs = Array.from({ length: 4 }, () => chunk('zTXt', 'parameters\0\0', bomb));
    const good = chunk('zTXt', 'parameters\0\0', deflateSync(Buffer.from('good')));
    expect(await readInfotext(await pngWith(...bombs, good))).toBeUndefined();
    expect(await readInfotext(await pngWith(...bombs.slice(1), good))).toBe('good');
  });

  it('unpacks no more than a part of what is packed into nothing', async () => {
    // Ten bits for each empty block of fixed codes: 0, 01, 0000000.
    const empty = (bytes: number): Uint8Array => {
      const out = new Uint8Array(bytes);
      for (let bit = 1; bit < bytes * 8; bit += 10) out[bit >> 3]! |= 1 << (bit & 7);
      return concatBytes([Uint8Array.of(0x78, 0x9c), out]);
    };
    expect(await readInfotext(await pngWith(chunk('zTXt', 'parameters\0\0', empty(100_000))))).toBeUndefined();
    const plain = chunk('tEXt', 'parameters\0plain');
    expect(await readInfotext(await pngWith(chunk('zTXt', 'parameters\0\0', empty(600_000)), plain))).toBe('plain');
  });

  it('walks padding of NULs once', () => {
    // Retried at each of them, a million would take 10^11 steps.
    const padded = (length: number): string | undefined => {
      const body = Buffer.alloc(length);
      body.write('a\0b');
      const block = buildExifUserComment(' '.repeat(length / 2));
      block.set(Buffer.from('ASCII\0\0\0'), 44);
      block.set(body, 52);
      block[51 + length] = 1;
      return readExifUserComment(block);
    };
    for (const n of [500_000, 1_000_000, 2_000_000]) expect(padded(n)!.length).toBe(n);
    expect(
      readExifUserComment(buildExifUserComment(`a${'\0'.repeat(1_000_000)}b${'\0'.repeat(500_000)}`)),
    ).toHaveLength(1_000_002);
  });
});

describe('EXIF UserComment', () => {
  /** A TIFF structure in either byte order with one filler entry in front, the comment in the Exif directory. */
  function tiff(little: boolean, code: string, body: Buffer): Uint8Array {
    const comment = Buffer.concat([Buffer.from(code, 'latin1'), body]);
    const out = Buffer.alloc(8 + 30 + 18);
    const u16 = (value: number, at: number): number =>
      little ? out.writeUInt16LE(value, at) : out.writeUInt16BE(value, at);
    const u32 = (value: number, at: number): number =>
      little ? out.writeUInt32LE(value, at) : out.writeUInt32BE(value, at);
    out.write(little ? 'II' : 'MM', 'latin1');
    u16(42, 2);
    u32(8, 4);
    const entries: [number, number, number, number, number][] = [
      [10, 0x0112, 3, 1, 1],
      [22, 0x8769, 4, 1, 38],
      [40, 0x9286, 7, comment.length, out.length],
    ];
    u16(2, 8);
    u16(1, 38);
    for (const [at, tag, type, count, value] of entries) {
      u16(tag, at);
      u16(type, at + 2);
      u32(count, at + 4);
      u32(value, at + 8);
    }
    return new Uint8Array(Buffer.concat([out, comment]));
  }
  const utf16 = (text: string, little: boolean): Buffer => {
    const le = Buffer.from(text, 'utf16le');
    return little ? le : le.swap16();
  };

  it.each([
    ['UTF-16 as A1111 writes it, in a little-endian file', true, 'UNICODE\0', utf16(latin, false), latin],
    ['UTF-16 in the order of a little-endian file', true, 'UNICODE\0', utf16(latin, true), latin],
    ['UTF-16 of a big-endian file', false, 'UNICODE\0', utf16(beyond, false), beyond],
    ['a byte order mark', false, 'UNICODE\0', utf16(`\ufeff${'城'.repeat(9)}`, true), '城'.repeat(9)],
    ['ASCII with padding', true, 'ASCII\0\0\0', Buffer.from('abc\0\0'), 'abc'],
    ['an undefined code in UTF-8', false, '\0'.repeat(8), Buffer.from('é城'), 'é城'],
    ['an undefined code in Latin-1', false, '\0'.repeat(8), Buffer.from('é', 'latin1'), 'é'],
    ['no code at all', true, 'a castle', Buffer.from(', größe\0'), 'a castle, größe'],
    ['no code and few letters', true, 'a fox', Buffer.from(''), 'a fox'],
    ['JIS, which is not read', false, 'JIS\0\0\0\0\0', Buffer.from('abc'), undefined],
  ])('reads %s', (_, little, code, body, want) => {
    const block = tiff(little, code, body);
    expect(readExifUserComment(block)).toBe(want);
    expect(readExifUserComment(concatBytes([new Uint8Array(Buffer.from('Exif\0\0')), block]))).toBe(want);
  });

  it('gives undefined for every cut of a block', () => {
    const block = buildExifUserComment(latin);
    for (let n = 0; n < block.length; n++) expect(readExifUserComment(block.subarray(0, n))).toBeUndefined();
    expect(readExifUserComment(block)).toBe(latin);
  });

  it('refuses what a JPEG segment cannot hold', async () => {
    const jpeg = new Uint8Array(await pixels(false).jpeg().toBuffer());
    const longest = buildExifUserComment('x'.repeat(32_737));
    expect(longest.length).toBe(65_526);
    expect(await readInfotext(setJpegExif(jpeg, longest))).toBe('x'.repeat(32_737));
    expect(() => setJpegExif(jpeg, buildExifUserComment('x'.repeat(32_738)))).toThrow(
      expect.objectContaining({ code: 'jpeg.exif-too-large' }),
    );
  });
});
