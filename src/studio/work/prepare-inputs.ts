/**
 * Uploads made into the pictures that a job starts from: decoded, sized, told apart from their mask, and written as
 * PNG. Uploads come from anywhere: run it in a reader's process (`reader/tasks.ts`).
 */

import { readFile, writeFile } from 'node:fs/promises';
import { type InputRole, inputRoles } from '#api/records/job';
import type { PixelImage } from '#core/image';
import { decodePixels, encodeImage } from '../images/codec.ts';
import { stretch } from '../images/stretch.ts';

export interface InputRules {
  /** Init picture and mask in this size, whatever their shape. */
  readonly stretch?: { readonly width: number; readonly height: number };
  /** Repaint where the mask (without one, the picture itself) is transparent, as OpenAI has it, rather than white. */
  readonly repaintTransparent?: boolean;
}

export interface InputOrder {
  /** Uploads as they came. */
  readonly from: Readonly<Partial<Record<InputRole, string>>>;
  /** Files to write. */
  readonly to: Readonly<Partial<Record<InputRole, string>>>;
  readonly rules: InputRules;
}

type Pictures = Readonly<Partial<Record<InputRole, PixelImage>>>;

/** Kept for as long as the job is known, written while its sender waits: speed before size. */
const compression = 1;

/** @returns which were written. @throws UserError `image.*` */
export async function prepareInputs({ from, to, rules }: InputOrder): Promise<InputRole[]> {
  const given: { -readonly [R in InputRole]?: PixelImage } = {};
  for (const role of inputRoles) {
    const file = from[role];
    if (file !== undefined) given[role] = sized(role, (await decodePixels(await readFile(file))).image, rules);
  }
  const pictures = rules.repaintTransparent ? { ...given, ...maskedByAlpha(given) } : given;
  const written: InputRole[] = [];
  for (const role of inputRoles) {
    const image = pictures[role];
    if (!image) continue;
    await writeFile(to[role]!, await encodeImage(image, 'png', '', { compression }));
    written.push(role);
  }
  return written;
}

/** Units of control have ways of their own to come to the picture's shape. */
function sized(role: InputRole, image: PixelImage, rules: InputRules): PixelImage {
  const isOwn = role === 'init' || role === 'mask' || role === 'latent-mask';
  return rules.stretch && isOwn ? stretch(image, rules.stretch.width, rules.stretch.height) : image;
}

function maskedByAlpha({ init, mask }: Pictures): Pictures {
  if (!init) return {};
  const transparent = mask ?? (hasTransparency(init) ? init : undefined);
  return { init: withoutAlpha(init), mask: transparent && whiteWhereTransparent(transparent) };
}

function hasTransparency({ channels, data }: PixelImage): boolean {
  if (channels !== 4) return false;
  for (let i = 3; i < data.length; i += 4) if (data[i] === 0) return true;
  return false;
}

/** [height, width, 3] of 255 - alpha. */
function whiteWhereTransparent({ width, height, channels, data }: PixelImage): PixelImage {
  const mask = new Uint8Array(width * height * 3);
  if (channels === 4) for (let i = 0; i < width * height; i++) mask.fill(255 - data[i * 4 + 3]!, i * 3, i * 3 + 3);
  return { width, height, channels: 3, data: mask };
}

/** The colours as they are below the transparency: what is repainted is told by the mask alone. */
function withoutAlpha(image: PixelImage): PixelImage {
  if (image.channels === 3) return image;
  const { width, height, data } = image;
  const opaque = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) opaque.set(data.subarray(i * 4, i * 4 + 3), i * 3);
  return { width, height, channels: 3, data: opaque };
}
