/**
 * Captioners that users bring as ONNX files (`models/annotators`): networks that give each of a list of tags a
 * probability, such as the WD 1.4 taggers and DeepDanbooru. docs/CONTROL.md says what such a file takes and gives.
 *
 * Conventions of the WD taggers: SmilingWolf/wd-v1-4-*-tagger (`selected_tags.csv`, BGR bytes, the picture in a white
 * square). Left out: networks that write sentences word by word.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Backend, ForeignPort } from '#engine/backend';
import { resize, toRgb } from '../picture.ts';

const settingsSchema = z.looseObject({
  captioner: z.literal('tags').optional(),
  /** In the order of the output. */
  labels: z.array(z.string()).optional(),
  /** Least probability of a tag. */
  threshold: z.number().min(0).max(1).default(0.35),
  /** Of the colours in the input. */
  order: z.enum(['rgb', 'bgr']).default('rgb'),
  range: z.enum(['unit', 'signed', 'bytes']).default('unit'),
  /** A picture of another shape: in the middle of a white square, or stretched. */
  fit: z.enum(['pad', 'stretch']).default('stretch'),
  /** The output is to be put through a sigmoid. */
  logits: z.boolean().default(false),
});

export interface FoundCaptioner {
  readonly name: string;
  /** Absolute path of the ONNX file. */
  readonly path: string;
  /** What the JSON file beside it says. */
  readonly settings: unknown;
  /** What a CSV file of the WD taggers beside it lists; a tag that is none (a rating) is undefined. */
  readonly tags?: readonly (string | undefined)[] | undefined;
}

export interface Caption {
  readonly captioner: string;
  /** Tags with commas between them, the surest first. */
  readonly caption: string;
  readonly tags: readonly { readonly tag: string; readonly score: number }[];
}

/** Side where the file leaves it open. */
const usualSide = 448;

/** @throws UserError `captioner.*` for what is no such file */
export async function captionPicture(
  backend: Backend,
  captioner: FoundCaptioner,
  image: PixelImage,
  threshold?: number,
): Promise<Caption> {
  const { name, tags } = captioner;
  const settings = readSettings(captioner);
  const labels = tags ?? settings.labels;
  if (!labels)
    throw new UserError('captioner.labels', `${name} has no list of tags: ${name}.csv, or labels in ${name}.json.`);
  if (!backend.openOnnx)
    throw new UserError('captioner.backend', `${name}: ${backend.name} runs no ONNX files of others.`);
  const session = await backend.openOnnx(captioner.path);
  try {
    const [port] = session.inputs;
    if (session.inputs.length !== 1 || port?.dtype !== 'f32' || port.shape.length !== 4) {
      throw new UserError('captioner.input', `${name} takes something else than one picture, float32 with four axes.`);
    }
    const answers = await session.run({ [port.name]: fed(port, image, settings) });
    const scores = scoresOf(name, answers, labels.length, settings.logits);
    const least = threshold ?? settings.threshold;
    const found = labels
      .flatMap((label, i) =>
        label === undefined || scores[i]! < least ? [] : [{ tag: label.replaceAll('_', ' '), score: scores[i]! }],
      )
      .sort((a, b) => b.score - a.score);
    return { captioner: name, caption: found.map(({ tag }) => tag).join(', '), tags: found };
  } finally {
    await session.dispose();
  }
}

type CaptionerSettings = z.output<typeof settingsSchema>;

/** A list of the WD taggers brings their conventions. */
function readSettings({ name, settings, tags }: FoundCaptioner): CaptionerSettings {
  const usual = tags ? { order: 'bgr', range: 'bytes', fit: 'pad' } : {};
  const read = settingsSchema.safeParse({ ...usual, ...(settings as object | undefined) });
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UserError('captioner.settings', `${name}.json: ${issue!.path.join('.')}: ${issue!.message}.`);
}

function fed({ shape }: ForeignPort, image: PixelImage, { order, range, fit }: CaptionerSettings): HostTensor {
  const first = shape[1] === 3;
  const [height = usualSide, width = usualSide] = first ? [shape[2], shape[3]] : [shape[1], shape[2]];
  const rgb = toRgb(image);
  const { data } = resize(fit === 'pad' ? squared(rgb) : rgb, { width, height }, 'bicubic');
  const scale = { unit: (v: number) => v / 255, signed: (v: number) => v / 127.5 - 1, bytes: (v: number) => v }[range];
  const cells = width * height;
  const values = Float32Array.from({ length: 3 * cells }, (_, i) => {
    const [cell, c] = first ? [i % cells, Math.floor(i / cells)] : [Math.floor(i / 3), i % 3];
    return scale(data[3 * cell + (order === 'bgr' ? 2 - c : c)]!);
  });
  return f32(first ? [1, 3, height, width] : [1, height, width, 3], values);
}

/** In the middle of a white square. */
function squared({ width, height, channels, data }: PixelImage): PixelImage {
  const side = Math.max(width, height);
  const out = new Uint8Array(channels * side * side).fill(255);
  const [left, top] = [(side - width) >> 1, (side - height) >> 1];
  for (let y = 0; y < height; y++) {
    out.set(data.subarray(channels * y * width, channels * (y + 1) * width), channels * ((top + y) * side + left));
  }
  return { width: side, height: side, channels, data: out };
}

function scoresOf(
  name: string,
  answers: Readonly<Record<string, HostTensor>>,
  count: number,
  logits: boolean,
): Float32Array {
  const fitting = Object.values(answers).find(({ data }) => data.length === count);
  if (fitting) return toF32(fitting).map((v) => (logits ? 1 / (1 + Math.exp(-v)) : v));
  const shown = Object.entries(answers).map(([own, { shape }]) => `${own} [${shape.join(', ')}]`);
  throw new UserError(
    'captioner.output',
    `${name} gives ${shown.join(', ')} for ${count} tags; expected one number for each.`,
  );
}

/** Names of `selected_tags.csv` in their order; category 9 are ratings. @throws UserError `captioner.labels` */
export function readTagTable(text: string, file: string): (string | undefined)[] {
  const [header = '', ...lines] = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const columns = header.split(',').map((column) => column.trim().toLowerCase());
  const [name, category] = [columns.indexOf('name'), columns.indexOf('category')];
  if (name < 0) throw new UserError('captioner.labels', `${file}: its first line names no column "name".`);
  return lines.map((line) => {
    const cells =
      line.match(/("([^"]|"")*"|[^,]*)(,|$)/g)?.map((cell) => cell.replace(/,$/, '').replace(/^"|"$/g, '')) ?? [];
    return category >= 0 && cells[category] === '9' ? undefined : cells[name];
  });
}
