/**
 * Encoded files <-> PixelImage, with the infotext inside: PNG text chunk `parameters`, EXIF UserComment in JPEG and
 * WebP. Encoding and decoding are libvips' (sharp); the text is put in and taken out here.
 *
 * Decoding takes pictures of unknown origin: the type is told by magic bytes (no SVG, PDF or ImageMagick formats), the
 * size is read from the header and bounded before a pixel is inflated. Every picture comes out upright, 8-bit sRGB.
 * Left out: animation (the first frame is taken), HDR gain maps, embedded colour profiles in the result.
 */

import type SharpModule from 'sharp';
import type { OutputInfo, Sharp } from 'sharp';
import { DarkroomError, UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { embedInfotext } from '#formats/infotext-file';
import { pngChunks } from '#formats/png-text';

/** libvips takes a while to load, which a server that starts need not wait for. */
/** Kept: where a loader hook resolves imports, each costs a millisecond. */
let loading: Promise<typeof SharpModule> | undefined;
const loadSharp = async () => {
  loading ??= import('sharp').then((module) => module.default);
  return await loading;
};

export const imageFormats = ['png', 'jpeg', 'webp'] as const;
export type ImageFormat = (typeof imageFormats)[number];

export const imageExtensions = { png: 'png', jpeg: 'jpg', webp: 'webp' } as const satisfies Record<ImageFormat, string>;
export const imageMediaTypes = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
} as const satisfies Record<ImageFormat, string>;

export interface EncodeOptions {
  /** JPEG and WebP, 1 to 100; default 90. */
  readonly quality?: number;
  /** Of PNG, 0 (fast) to 9 (small); default 6. */
  readonly compression?: number;
}

export interface DecodeLimits {
  /** Largest encoded size in bytes; default 64 MiB. */
  readonly maxBytes?: number;
  /** Largest picture in pixels; default 64 Mpx (8192 x 8192). */
  readonly maxPixels?: number;
  /** Longest side in pixels; default 16,384. Rows are read whole: a few long ones take gigabytes. */
  readonly maxSide?: number;
}

export interface DecodedImage {
  /** 3 channels, or 4 where the file has transparency. */
  readonly image: PixelImage;
  /** Parameters text, when the file carries one. */
  readonly infotext?: string;
  /** What the file was, by its magic bytes. */
  readonly format: string;
}

/**
 * File bytes of a picture with `infotext` embedded (left out when empty).
 * @throws DarkroomError `image.encode` when libvips refuses.
 */
export async function encodeImage(
  image: PixelImage,
  format: ImageFormat,
  infotext = '',
  options: EncodeOptions = {},
): Promise<Uint8Array> {
  const { width, height, channels, data } = image;
  if (data.length !== width * height * channels) {
    const size = `${width}x${height}x${channels}`;
    throw new DarkroomError(
      'image.encode',
      `A picture of ${size} needs ${width * height * channels} bytes, got ${data.length}.`,
    );
  }
  const quality = options.quality ?? 90;
  const sharp = await loadSharp();
  const raw = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  try {
    const file = await encodePixels(raw, format, quality, options.compression);
    if (infotext === '') return file;
    if (format === 'png') return embedInPngHead(file, infotext);
    return embedInfotext(file, format === 'jpeg' ? fitInfotext(infotext) : infotext);
  } catch (cause) {
    throw new DarkroomError('image.encode', `The picture could not be written as ${format}: ${reason(cause)}`, {
      cause,
    });
  }
}

/** Pixels and infotext of a PNG, JPEG, WebP, GIF or AVIF file. @throws as decodePixels */
export async function decodeImage(bytes: Uint8Array, limits: DecodeLimits = {}): Promise<DecodedImage> {
  // Names of samplers come with it, which a server that starts does not need.
  const { readInfotext } = await import('./read-infotext.ts');
  return { ...(await decodePixels(bytes, limits)), infotext: await readInfotext(bytes) };
}

/**
 * The pixels alone, which costs the event loop nothing.
 * @throws UserError `image.too-large` beyond the limits, `image.unsupported` for anything that is not a whole picture.
 */
export async function decodePixels(
  bytes: Uint8Array,
  limits: DecodeLimits = {},
): Promise<Omit<DecodedImage, 'infotext'>> {
  const format = await checkImage(bytes, limits);
  const pixels = limits.maxPixels ?? defaultMaxPixels;
  const sharp = await loadSharp();
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: pixels, failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { image: toPixelImage(data, info), format };
  } catch (cause) {
    throw new UserError('image.unsupported', `The ${format} picture cannot be read: ${reason(cause)}`, { cause });
  }
}

export interface ImageHeader {
  readonly format: string;
  /** Upright size in pixels. */
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
}

/** Type and size from the header alone, within the limits. @throws as decodeImage */
export async function readImageHeader(bytes: Uint8Array, limits: DecodeLimits = {}): Promise<ImageHeader> {
  const format = await checkImage(bytes, limits);
  const sharp = await loadSharp();
  const { autoOrient, hasAlpha } = await sharp(bytes, { limitInputPixels: false }).metadata();
  return { format, width: autoOrient.width, height: autoOrient.height, hasAlpha };
}

/**
 * A small copy of an encoded picture that fits `side` x `side`, as WebP; for galleries.
 * @throws UserError as decodeImage
 */
export async function makeThumbnail(bytes: Uint8Array, side = 320, limits: DecodeLimits = {}): Promise<Uint8Array> {
  await checkImage(bytes, limits);
  const sharp = await loadSharp();
  try {
    return await sharp(bytes, { limitInputPixels: limits.maxPixels ?? defaultMaxPixels })
      .autoOrient()
      .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 80 })
      .toBuffer();
  } catch (cause) {
    throw new UserError('image.unsupported', `The picture cannot be read: ${reason(cause)}`, { cause });
  }
}

/** A preview as a small JPEG, at most `side` pixels wide and high. */
export async function encodePreview(image: PixelImage, side = 512): Promise<Uint8Array> {
  const { width, height, channels, data } = image;
  const sharp = await loadSharp();
  return await sharp(data, { raw: { width, height, channels } })
    .flatten({ background: '#ffffff' })
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 75 })
    .toBuffer();
}

/** Bytes of a picture file that are read at most. */
export const largestFile = 64 * 2 ** 20;
const defaultMaxPixels = 8192 * 8192;
const defaultMaxSide = 16_384;

/** The picture type that the first bytes name; undefined for anything else. */
export function sniffImage(bytes: Uint8Array): 'png' | 'jpeg' | 'webp' | 'gif' | 'avif' | undefined {
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (text(0, 3) === '\xff\xd8\xff') return 'jpeg';
  if (text(0, 4) === 'RIFF' && text(8, 4) === 'WEBP') return 'webp';
  if (text(0, 6) === 'GIF87a' || text(0, 6) === 'GIF89a') return 'gif';
  if (text(4, 4) === 'ftyp' && /avi[fs]/.test(text(8, 24))) return 'avif';
  return undefined;
}

async function checkImage(bytes: Uint8Array, limits: DecodeLimits): Promise<string> {
  const maxBytes = limits.maxBytes ?? largestFile;
  const maxPixels = limits.maxPixels ?? defaultMaxPixels;
  if (bytes.length > maxBytes) {
    throw new UserError('image.too-large', `The picture has ${bytes.length} bytes; at most ${maxBytes} are read.`);
  }
  const format = sniffImage(bytes);
  if (!format) {
    const what = bytes.length === 0 ? 'an empty file' : `something else (${describeStart(bytes)})`;
    throw new UserError('image.unsupported', `Expected a PNG, JPEG, WebP, GIF or AVIF picture, got ${what}.`);
  }
  const sharp = await loadSharp();
  let size: { width: number; height: number };
  try {
    size = await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw new UserError('image.unsupported', `The ${format} picture cannot be read: ${reason(cause)}`, { cause });
  }
  const maxSide = limits.maxSide ?? defaultMaxSide;
  if (size.width * size.height > maxPixels || Math.max(size.width, size.height) > maxSide) {
    const most = `at most ${maxPixels} pixels, ${maxSide} on a side, are read`;
    const message = `The picture is ${size.width}x${size.height} pixels; ${most}. Make it smaller first.`;
    throw new UserError('image.too-large', message);
  }
  return format;
}

async function encodePixels(
  raw: Sharp,
  format: ImageFormat,
  quality: number,
  compressionLevel = 6,
): Promise<Uint8Array> {
  switch (format) {
    case 'png':
      return await raw.png({ compressionLevel }).toBuffer();
    case 'jpeg':
      return await raw.flatten({ background: '#ffffff' }).jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
    case 'webp':
      return await raw.webp({ quality }).toBuffer();
  }
}

/** An IEND chunk. */
const pngEnd = [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82];

/**
 * The chunks before the pixels as a file of their own. Texts are there, and working on it spares the checksums of
 * megabytes of pixels, which would hold up the event loop.
 */
function pngHead(png: Uint8Array): { readonly file: Uint8Array; readonly end: number } {
  for (const { type, start } of pngChunks(png)) {
    if (type !== 'IDAT') continue;
    const file = new Uint8Array(start + pngEnd.length);
    file.set(png.subarray(0, start));
    file.set(pngEnd, start);
    return { file, end: start };
  }
  throw new UserError('image.unsupported', 'The PNG picture has no pixels.');
}

function embedInPngHead(png: Uint8Array, infotext: string): Uint8Array {
  const { file, end } = pngHead(png);
  const head = embedInfotext(file, infotext);
  const whole = new Uint8Array(head.length - pngEnd.length + png.length - end);
  whole.set(head.subarray(0, head.length - pngEnd.length));
  whole.set(png.subarray(end), head.length - pngEnd.length);
  return whole;
}

/** UTF-16 units of infotext that fit a JPEG segment of 65,535 bytes beside the EXIF structure around them. */
const maxJpegInfotext = 32_700;

/** Cuts the middle out of an infotext that is too long for a JPEG; the line of parameters at its end stays. */
function fitInfotext(text: string): string {
  if (text.length <= maxJpegInfotext) return text;
  const parameters = text.slice(text.lastIndexOf('\n'));
  const room = maxJpegInfotext - parameters.length - 1;
  return room <= 0 ? text.slice(0, maxJpegInfotext) : `${text.slice(0, room)}…${parameters}`;
}

function toPixelImage(data: Buffer, info: OutputInfo): PixelImage {
  const { width, height, channels } = info;
  if (channels !== 3 && channels !== 4) {
    throw new DarkroomError('image.unsupported', `The picture decodes to ${channels} channels, expected 3 or 4.`);
  }
  return { width, height, channels, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function describeStart(bytes: Uint8Array): string {
  const hex = Array.from(bytes.subarray(0, 8), (b) => b.toString(16).padStart(2, '0')).join(' ');
  return `it begins with ${hex}`;
}

function reason(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.split('\n')[0]!.replaceAll(/[\x00-\x1f]/g, ' ');
}
