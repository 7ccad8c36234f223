/**
 * Annotators that users bring as ONNX files (`models/annotators`): depth, lines, normals, whatever makes a picture of a
 * picture. docs/CONTROL.md says what such a file takes and gives; a JSON file of the same name tells what cannot be seen.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Backend, ForeignPort, ForeignSession } from '#engine/backend';
import type { FoundAnnotator } from '../control/units.ts';
import { resizePlanes } from '../resample.ts';
import { greyPicture } from './scaled.ts';

const triple = z.tuple([z.number(), z.number(), z.number()]);

const settingsSchema = z.looseObject({
  /** Of RGB in 0..1. */
  mean: triple.default([0, 0, 0]),
  std: triple.default([1, 1, 1]),
  /** Sides are brought to multiples of this, where the file leaves them open. */
  multiple: z.int().min(1).max(256).default(32),
  /** Which output; the first picture-like one by default. */
  output: z.string().optional(),
  /** What its values are: 0..1, -1..1, 0..255, or from the least to the largest. */
  range: z.enum(['unit', 'signed', 'bytes', 'stretch']).optional(),
  /** Light and dark swapped. */
  invert: z.boolean().default(false),
});

type AnnotatorSettings = z.output<typeof settingsSchema>;

/** `resolution`: shorter side to work at, where the file leaves sizes open. @throws UserError for what is no such file */
export async function runOnnxAnnotator(
  backend: Backend,
  annotator: FoundAnnotator,
  image: PixelImage,
  resolution: number,
): Promise<PixelImage> {
  const settings = readSettings(annotator);
  if (!backend.openOnnx) {
    throw new UserError('annotator.backend', `${annotator.name}: ${backend.name} runs no ONNX files of others.`);
  }
  const session = await backend.openOnnx(annotator.path);
  try {
    const port = pictureInput(session, annotator);
    const fed = fedPicture(port, image, resolution, settings);
    const answers = await session.run({ [port.name]: fed });
    return pictureOf(annotator, answers, settings);
  } finally {
    await session.dispose();
  }
}

function readSettings({ name, settings }: FoundAnnotator): AnnotatorSettings {
  const read = settingsSchema.safeParse(settings ?? {});
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UserError('annotator.settings', `${name}.json: ${issue!.path.join('.')}: ${issue!.message}.`);
}

const channelsFirst = (shape: ForeignPort['shape']): boolean => shape[1] === 3;

function pictureInput({ inputs }: ForeignSession, { name }: FoundAnnotator): ForeignPort {
  const [port] = inputs;
  const isPicture = port?.shape.length === 4 && (channelsFirst(port.shape) || port.shape[3] === 3);
  if (inputs.length === 1 && port?.dtype === 'f32' && isPicture) return port;
  const shown = inputs.map(({ name: own, dtype, shape }) => `${own} ${dtype ?? '?'}[${shape.map((d) => d ?? '?')}]`);
  const message = `${name} takes ${shown.join(', ') || 'nothing'}; an annotator takes one picture, float32 [1, 3, height, width] or [1, height, width, 3]`;
  throw new UserError('annotator.input', `${message}.`);
}

function fedPicture(
  { shape }: ForeignPort,
  image: PixelImage,
  resolution: number,
  { mean, std, multiple }: AnnotatorSettings,
): HostTensor {
  const first = channelsFirst(shape);
  const [fixedHeight, fixedWidth] = first ? [shape[2], shape[3]] : [shape[1], shape[2]];
  const k = resolution / Math.min(image.width, image.height);
  const open = (side: number): number => Math.max(Math.round((side * k) / multiple), 1) * multiple;
  const size = { height: fixedHeight ?? open(image.height), width: fixedWidth ?? open(image.width) };
  const cells = image.width * image.height;
  const planes = new Float32Array(3 * cells);
  for (let i = 0; i < cells; i++) {
    for (let c = 0; c < 3; c++) planes[c * cells + i] = (image.data[3 * i + c]! / 255 - mean[c]!) / std[c]!;
  }
  const made = resizePlanes(planes, image, size, 'bicubic');
  if (first) return f32([1, 3, size.height, size.width], made);
  const pixels = size.width * size.height;
  const interleaved = Float32Array.from({ length: made.length }, (_, i) => made[(i % 3) * pixels + Math.floor(i / 3)]!);
  return f32([1, size.height, size.width, 3], interleaved);
}

interface Planes {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** [channels, height, width] */
  readonly data: Float32Array;
}

function pictureOf(
  { name }: FoundAnnotator,
  answers: Readonly<Record<string, HostTensor>>,
  settings: AnnotatorSettings,
): PixelImage {
  const wanted = Object.entries(answers).filter(([own]) => settings.output === undefined || own === settings.output);
  const [planes] = wanted.flatMap(([, tensor]) => planesOf(tensor) ?? []);
  if (!planes) {
    const shown = Object.entries(answers).map(([own, { shape }]) => `${own} [${shape.join(', ')}]`);
    const message = `${name} gives ${shown.join(', ')}; expected a picture of one or three channels, such as [1, 1, height, width]`;
    throw new UserError('annotator.output', `${message}.`);
  }
  return bytesOf(planes, settings);
}

/** Leading axes of one are dropped. */
function planesOf(tensor: HostTensor): Planes | undefined {
  if (tensor.dtype !== 'f32' && tensor.dtype !== 'f16' && tensor.dtype !== 'f64') return undefined;
  const shape = [...tensor.shape];
  while (shape.length > 2 && shape[0] === 1) shape.shift();
  const data = toF32(tensor);
  if (shape.length === 2) return { channels: 1, height: shape[0]!, width: shape[1]!, data };
  if (shape.length !== 3) return undefined;
  const [a, b, c] = shape as [number, number, number];
  if (a === 3) return { channels: 3, height: b, width: c, data };
  if (c === 1) return { channels: 1, height: a, width: b, data };
  if (c !== 3) return undefined;
  const planes = Float32Array.from(
    { length: data.length },
    (_, i) => data[(i % (a * b)) * 3 + Math.floor(i / (a * b))]!,
  );
  return { channels: 3, height: a, width: b, data: planes };
}

function bytesOf({ channels, height, width, data }: Planes, { range, invert }: AnnotatorSettings): PixelImage {
  const low = data.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = data.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const kind = range ?? guessedRange(channels, low, high);
  const unit: Record<NonNullable<AnnotatorSettings['range']>, (v: number) => number> = {
    unit: (v) => v,
    signed: (v) => (v + 1) / 2,
    bytes: (v) => v / 255,
    stretch: (v) => (high > low ? (v - low) / (high - low) : 0),
  };
  const byte = (v: number): number => {
    const share = Math.min(Math.max(unit[kind](v), 0), 1);
    return Math.round(255 * (invert ? 1 - share : share));
  };
  if (channels === 1) return greyPicture(width, height, data.map(byte));
  const cells = width * height;
  const out = new Uint8Array(3 * cells);
  for (let i = 0; i < out.length; i++) out[i] = byte(data[(i % 3) * cells + Math.floor(i / 3)]!);
  return { width, height, channels: 3, data: out };
}

/** One channel beyond 0..1 is a distance; colours below 0 are signed. */
function guessedRange(channels: number, low: number, high: number): NonNullable<AnnotatorSettings['range']> {
  const slack = 0.01;
  if (low >= -slack && high <= 1 + slack) return 'unit';
  if (channels === 1) return 'stretch';
  return low >= -1 - slack && high <= 1 + slack ? 'signed' : 'bytes';
}
