import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { decodeImage, encodeImage, encodePreview, imageFormats, makeThumbnail, readImageHeader } from './codec.ts';
import { readInfotext } from './read-infotext.ts';

function gradient(width: number, height: number, channels: 1 | 3 | 4): PixelImage {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) data[i] = (i * 5) & 0xff;
  return { width, height, channels, data };
}

const infotext = 'ein Fuchs, 狐 🦊\nNegative prompt: "schlecht"\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 16x8';

describe('encodeImage and decodeImage', () => {
  it.each(imageFormats)('%s keeps the size and the infotext', async (format) => {
    const bytes = await encodeImage(gradient(16, 8, 3), format, infotext);
    const decoded = await decodeImage(bytes);
    expect(decoded).toMatchObject({ format, infotext, image: { width: 16, height: 8, channels: 3 } });
    expect(await readInfotext(bytes)).toBe(infotext);
    expect(await readInfotext(await encodeImage(gradient(16, 8, 3), format))).toBeUndefined();
  });

  it('PNG keeps every pixel, of colour, transparency and grey', async () => {
    for (const channels of [3, 4] as const) {
      const image = gradient(33, 17, channels);
      expect((await decodeImage(await encodeImage(image, 'png', infotext))).image).toEqual(image);
    }
    const grey = gradient(5, 4, 1);
    const { image } = await decodeImage(await encodeImage(grey, 'png'));
    expect(image.channels).toBe(3);
    expect([...image.data]).toEqual([...grey.data].flatMap((v) => [v, v, v]));
  });

  it('is read by another EXIF and PNG reader', async () => {
    const png = await sharp(await encodeImage(gradient(8, 8, 3), 'png', 'plain')).metadata();
    expect(png.comments).toEqual([{ keyword: 'parameters', text: 'plain' }]);
    const jpeg = await sharp(await encodeImage(gradient(8, 8, 3), 'jpeg', 'plain')).metadata();
    expect(jpeg.exif?.includes(Buffer.from('\0p\0l\0a\0i\0n', 'latin1'))).toBe(true);
  });

  it('cuts the prompt, not the parameters, of a text too long for JPEG', async () => {
    const long = `${'word '.repeat(20_000)}\nSteps: 20, Sampler: Euler a, Seed: 5`;
    const text = (await readInfotext(await encodeImage(gradient(8, 8, 3), 'jpeg', long)))!;
    expect(text.startsWith('word word')).toBe(true);
    expect(text.endsWith('…\nSteps: 20, Sampler: Euler a, Seed: 5')).toBe(true);
    for (const format of ['png', 'webp'] as const) {
      expect(await readInfotext(await encodeImage(gradient(8, 8, 3), format, long))).toBe(long);
    }
  });

  it('refuses pixels that do not fit their size', async () => {
    const image = { ...gradient(8, 8, 3), width: 9 };
    await expect(encodeImage(image, 'png')).rejects.toMatchObject({ code: 'image.encode' });
  });
});

/** The profile with a* of every entry of its table from ink to Lab negated (ICC.1 lut16Type, legacy 16-bit Lab). */
function mirrorGreenRed(profile: Buffer): Buffer {
  const out = Buffer.from(profile);
  const tags = Array.from({ length: out.readUInt32BE(128) }, (_, i) => 132 + 12 * i);
  const tables = tags.filter((at) => /^A2B/.test(out.toString('latin1', at, at + 4)));
  for (const start of new Set(tables.map((at) => out.readUInt32BE(at + 4)))) {
    const [inputs, outputs, grid] = out.subarray(start + 8, start + 11);
    const first = start + 52 + inputs! * out.readUInt16BE(start + 48) * 2;
    for (let i = 0; i < grid! ** inputs!; i++) {
      const at = first + (i * outputs! + 1) * 2;
      out.writeUInt16BE(Math.min(2 * 32_768 - out.readUInt16BE(at), 65_535), at);
    }
  }
  return out;
}

/** CIE Lab (D65) of 8-bit sRGB. */
function labOf(rgb: readonly number[]): number[] {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const f = (t: number): number => (t > 216 / 24_389 ? Math.cbrt(t) : (24_389 / 27) * (t / 116) + 16 / 116);
  const x = f((0.4124 * r! + 0.3576 * g! + 0.1805 * b!) / 0.9505);
  const y = f(0.2126 * r! + 0.7152 * g! + 0.0722 * b!);
  const z = f((0.0193 * r! + 0.1192 * g! + 0.9505 * b!) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

describe('pictures from outside', () => {
  it('turns them upright', async () => {
    const turned = await sharp(gradient(16, 8, 3).data, { raw: { width: 16, height: 8, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect((await decodeImage(turned)).image).toMatchObject({ width: 8, height: 16 });
    expect(await readImageHeader(turned)).toEqual({ format: 'jpeg', width: 8, height: 16, hasAlpha: false });
  });

  it('brings 16-bit, palette, CMYK, one-bit and interlaced files to 8-bit sRGB', async () => {
    const base = () => sharp(gradient(16, 16, 3).data, { raw: { width: 16, height: 16, channels: 3 } });
    const files = [
      await base().toColourspace('rgb16').png().toBuffer(),
      await base().png({ palette: true, colours: 16 }).toBuffer(),
      await base().toColourspace('cmyk').jpeg().toBuffer(),
      await base().png({ palette: true, colours: 2 }).toBuffer(),
      await base().png({ progressive: true }).toBuffer(),
      await base().jpeg({ progressive: true }).toBuffer(),
      await base().toColourspace('b-w').png().toBuffer(),
      await base().gif().toBuffer(),
      await base().avif().toBuffer(),
    ];
    for (const file of files) {
      const { image } = await decodeImage(file);
      expect(image).toMatchObject({ width: 16, height: 16 });
      expect(image.data).toBeInstanceOf(Uint8Array);
      expect(image.data.length).toBe(16 * 16 * image.channels);
    }
  });

  it('reads CMYK by the profile inside the file', async () => {
    const flat = () => sharp({ create: { width: 16, height: 16, channels: 3, background: '#9a7a6a' } });
    const usual = await flat().withIccProfile('cmyk').jpeg({ quality: 100 }).toBuffer();
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-icc-'));
    const mirrored = join(folder, 'mirrored.icc');
    await writeFile(mirrored, mirrorGreenRed((await sharp(usual).metadata()).icc!));
    const other = await flat().withIccProfile(mirrored).jpeg({ quality: 100 }).toBuffer();
    const colourOf = async (file: Uint8Array) => [...(await decodeImage(file)).image.data.subarray(0, 3)];
    // The same amounts of ink, which the other file's profile gives a* of the other sign.
    const [lightness, a, b] = labOf(await colourOf(usual));
    expect(Math.abs(a!)).toBeGreaterThan(5);
    const got = labOf(await colourOf(other));
    const want = [lightness!, -a!, b!];
    expect(Math.max(...got.map((value, i) => Math.abs(value - want[i]!)))).toBeLessThan(3);
  });

  it('takes the first frame of an animation', async () => {
    const frames = await sharp(gradient(8, 24, 3).data, { raw: { width: 8, height: 24, channels: 3, pageHeight: 8 } })
      .gif()
      .toBuffer();
    expect((await decodeImage(frames)).image).toMatchObject({ width: 8, height: 8 });
  });

  it('looks at the size before it inflates anything', async () => {
    const small = await encodeImage(gradient(8, 8, 3), 'png');
    const bomb = Uint8Array.from(small);
    const view = new DataView(bomb.buffer);
    view.setUint32(16, 65_535);
    view.setUint32(20, 65_535);
    await expect(decodeImage(bomb)).rejects.toMatchObject({ name: 'UserError' });
    const large = await sharp({ create: { width: 3000, height: 3000, channels: 3, background: '#000' } })
      .png()
      .toBuffer();
    await expect(decodeImage(large, { maxPixels: 1_000_000 })).rejects.toMatchObject({ code: 'image.too-large' });
    await expect(makeThumbnail(large, 64, { maxPixels: 1_000_000 })).rejects.toMatchObject({ code: 'image.too-large' });
    await expect(decodeImage(large, { maxBytes: 100 })).rejects.toMatchObject({ code: 'image.too-large' });
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('hello')],
    ['an SVG with a script', new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')],
    ['a PDF', new TextEncoder().encode('%PDF-1.4')],
    ['a PNG signature alone', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
    ['a JPEG that stops', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16)],
  ])('refuses %s', async (_, bytes) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject({ name: 'UserError', code: 'image.unsupported' });
  });

  it('refuses cut and damaged files', async () => {
    const whole = await encodeImage(gradient(64, 64, 3), 'png');
    await expect(decodeImage(whole.subarray(0, whole.length / 2))).rejects.toMatchObject({ code: 'image.unsupported' });
    const jpeg = await encodeImage(gradient(64, 64, 3), 'jpeg');
    await expect(decodeImage(jpeg.subarray(0, jpeg.length / 2))).rejects.toMatchObject({ code: 'image.unsupported' });
    const flipped = Uint8Array.from(whole);
    flipped[whole.length - 30]! ^= 0xff;
    await expect(decodeImage(flipped)).rejects.toMatchObject({ code: 'image.unsupported' });
  });

  it('makes thumbnails and previews that fit', async () => {
    const png = await encodeImage(gradient(300, 150, 4), 'png');
    expect((await decodeImage(await makeThumbnail(png, 100))).image).toMatchObject({ width: 100, height: 50 });
    expect((await decodeImage(await encodePreview(gradient(300, 150, 3), 64))).image).toMatchObject({ width: 64 });
  });
});
