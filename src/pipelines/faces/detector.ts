/**
 * Faces in a picture by YuNet (Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector"), as OpenCV's zoo has it
 * (`face_detection_yunet_2023mar.onnx`): BGR bytes in, for each of three strides the outputs cls, obj, bbox and kps.
 *
 * Source: OpenCV modules/objdetect/src/face_detect.cpp (decoding, thresholds). The picture is scaled to the input's size
 * and padded to the right and below.
 */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { ForeignSession } from '#engine/backend';
import { resize } from '../picture.ts';
import type { Point } from './alignment.ts';

export interface Face {
  readonly score: number;
  /** Pixels of the picture. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Eyes, nose and corners of the mouth, from the left of the picture. */
  readonly points: readonly Point[];
}

const strides = [8, 16, 32] as const;
/** Where the file leaves its sides open. */
const usualSide = 640;
const leastScore = 0.6;
/** Boxes that share more are of the same face. */
const mostShared = 0.3;

/** The surest first. @throws UserError `faces.detector` for another network */
export async function detectFaces(session: ForeignSession, name: string, image: PixelImage): Promise<Face[]> {
  const [port] = session.inputs;
  const outputs = new Set(session.outputs.map((output) => output.name));
  const wanted = strides.flatMap((stride) => ['cls', 'obj', 'bbox', 'kps'].map((kind) => `${kind}_${stride}`));
  if (session.inputs.length !== 1 || port?.shape[1] !== 3 || wanted.some((each) => !outputs.has(each))) {
    const got = [...outputs].slice(0, 12).join(', ');
    throw new UserError(
      'faces.detector',
      `${name} is no YuNet (outputs ${wanted[0]} to ${wanted.at(-1)}): it gives ${got}.`,
    );
  }
  const [height, width] = [port.shape[2] ?? usualSide, port.shape[3] ?? usualSide];
  const scale = Math.min(width / image.width, height / image.height);
  const answers = await session.run({ [port.name]: fed(image, scale, { width, height }) });
  const faces = strides.flatMap((stride) => decoded(answers, stride, width / stride, scale));
  return distinct(faces.sort((a, b) => b.score - a.score));
}

/** BGR, 0..255. */
function fed(image: PixelImage, scale: number, { width, height }: { width: number; height: number }): HostTensor {
  const size = { width: Math.round(image.width * scale), height: Math.round(image.height * scale) };
  const small = resize(image, size, 'bilinear');
  const planes = new Float32Array(3 * width * height);
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      for (let c = 0; c < 3; c++) {
        planes[(2 - c) * width * height + y * width + x] = small.data[small.channels * (y * small.width + x) + c]!;
      }
    }
  }
  return f32([1, 3, height, width], planes);
}

function decoded(
  answers: Readonly<Record<string, HostTensor>>,
  stride: number,
  columns: number,
  scale: number,
): Face[] {
  const [cls, obj, boxes, points] = ['cls', 'obj', 'bbox', 'kps'].map((kind) =>
    toF32(answers[`${kind}_${stride}`]!),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const faces: Face[] = [];
  const unit = (value: number): number => Math.min(Math.max(value, 0), 1);
  for (const [i, own] of cls.entries()) {
    const score = Math.sqrt(unit(own) * unit(obj[i]!));
    if (score < leastScore) continue;
    const [column, row] = [i % columns, Math.floor(i / columns)];
    const inPicture = (value: number): number => (value * stride) / scale;
    const [x, y] = [inPicture(column + boxes[4 * i]!), inPicture(row + boxes[4 * i + 1]!)];
    const [width, height] = [inPicture(Math.exp(boxes[4 * i + 2]!)), inPicture(Math.exp(boxes[4 * i + 3]!))];
    const own5 = Array.from({ length: 5 }, (_, n): Point => {
      const at = 10 * i + 2 * n;
      return [inPicture(column + points[at]!), inPicture(row + points[at + 1]!)];
    });
    faces.push({ score, box: { x: x - width / 2, y: y - height / 2, width, height }, points: own5 });
  }
  return faces;
}

function distinct(faces: readonly Face[]): Face[] {
  const kept: Face[] = [];
  for (const face of faces) if (kept.every((other) => shared(face.box, other.box) <= mostShared)) kept.push(face);
  return kept;
}

/** Area of what both cover, over that of what either does. */
function shared(a: Face['box'], b: Face['box']): number {
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const both = Math.max(across, 0) * Math.max(down, 0);
  return both / (a.width * a.height + b.width * b.height - both);
}
