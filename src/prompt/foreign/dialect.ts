/** What a program of another kind than A1111 left in a picture, as infotext. */

import type { InfotextParts } from '../infotext-writer.ts';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A program's way to keep settings in a picture. To add one: a file beside this one and a row in `index.ts`. */
export interface Dialect {
  readonly program: string;
  /** The keywords of the texts that it reads. */
  readonly keywords: readonly string[];
  /** Undefined where the texts are not this program's. */
  read(texts: ReadonlyMap<string, string>, size: PictureSize | undefined): InfotextParts | undefined;
}

export type Json = Readonly<Record<string, unknown>>;

/** Text that is no JSON object gives undefined. */
export function parseObject(text: string | undefined): Json | undefined {
  try {
    return objectOf(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}

export function objectOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A number, or the digits of one: seeds are kept as either. */
export function numberOf(value: unknown): number | string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? value : undefined;
}

/** The tag by which a prompt names a LoRA; undefined without a name. */
export function loraTag(file: unknown, weight: unknown): string | undefined {
  return typeof file === 'string' && file !== '' && file !== 'None'
    ? `<lora:${baseName(file)}:${numberOf(weight) ?? 1}>`
    : undefined;
}

/** A file's name without folders and extension. */
export function baseName(file: string): string {
  return file
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.(safetensors|ckpt|pth?|bin|gguf|sft|pickle|json)$/i, '');
}

/** `WIDTHxHEIGHT`, or undefined unless both are whole numbers. */
export function sizeText(width: unknown, height: unknown): string | undefined {
  return Number.isInteger(width) && Number.isInteger(height) ? `${width}x${height}` : undefined;
}
