/**
 * Faces drawn anew by a network that the user brings as an ONNX file (GFPGAN, CodeFormer, GPEN, RestoreFormer): crops of
 * 512 pixels, RGB in -1..1, [1, 3, 512, 512] in and out; a second input of one number, where there is one, is how faithful
 * it is to what it sees (CodeFormer). docs/CONTROL.md says where such files lie.
 *
 * Without a detector the whole picture counts as the crop of one face, if it has that size.
 */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Backend, ForeignPort, ForeignSession } from '#engine/backend';
import { checkFinite } from '../non-finite.ts';
import { toRgb } from '../picture.ts';
import { imageOfPlanes, planesOf } from '../planes.ts';
import { cropOf, toCrop, withCrop } from './alignment.ts';
import { detectFaces } from './detector.ts';

export interface FaceNetwork {
  readonly name: string;
  readonly path: string;
}

export interface FaceNetworks {
  readonly restorer: FaceNetwork;
  readonly detector: FaceNetwork | undefined;
}

/** @throws UserError `faces.restorer` where there is none of that name */
export type FindFaceNetworks = (restorer: string) => Promise<FaceNetworks>;

export interface FaceSettings {
  /** 0..1 */
  readonly visibility: number;
  /** 0 draws the best face, 1 the same one. */
  readonly fidelity: number;
}

/** The picture, and how many faces were found. @throws UserError `faces.*` */
export async function restoreFaces(
  backend: Backend,
  { restorer, detector }: FaceNetworks,
  image: PixelImage,
  settings: FaceSettings,
): Promise<{ readonly image: PixelImage; readonly faces: number }> {
  const coloured = image.channels === 1 ? toRgb(image) : image;
  const session = await opened(backend, restorer);
  try {
    const ports = portsOf(session, restorer.name);
    if (!detector) return { image: await asCrop(session, ports, restorer.name, coloured, settings), faces: 1 };
    const faces = await found(backend, detector, coloured);
    let current = coloured;
    for (const { points } of faces) {
      const similarity = toCrop(points, ports.side);
      const crop = await redrawn(session, ports, cropOf(coloured, similarity, ports.side), settings);
      current = withCrop(current, crop, similarity, settings.visibility);
    }
    return { image: current, faces: faces.length };
  } finally {
    await session.dispose();
  }
}

async function opened(backend: Backend, { name, path }: FaceNetwork): Promise<ForeignSession> {
  if (!backend.openOnnx) throw new UserError('faces.backend', `${name}: ${backend.name} runs no ONNX files of others.`);
  return await backend.openOnnx(path);
}

async function found(backend: Backend, detector: FaceNetwork, image: PixelImage) {
  const session = await opened(backend, detector);
  try {
    return await detectFaces(session, detector.name, image);
  } finally {
    await session.dispose();
  }
}

interface Ports {
  readonly picture: ForeignPort;
  readonly fidelity: ForeignPort | undefined;
  readonly side: number;
}

const usualSide = 512;

function portsOf({ inputs }: ForeignSession, name: string): Ports {
  const picture = inputs.find(({ shape, dtype }) => shape.length === 4 && shape[1] === 3 && dtype === 'f32');
  const fidelity = inputs.find((port) => port !== picture && (port.dtype === 'f32' || port.dtype === 'f64'));
  const sides = [picture?.shape[2] ?? usualSide, picture?.shape[3] ?? usualSide] as const;
  if (picture && sides[0] === sides[1] && inputs.length === (fidelity ? 2 : 1)) {
    return { picture, fidelity, side: sides[0] };
  }
  const shown = inputs.map(({ name: own, dtype, shape }) => `${own} ${dtype ?? '?'}[${shape.map((d) => d ?? '?')}]`);
  const expected = 'a square picture, float32 [1, 3, 512, 512], and at most one number';
  throw new UserError(
    'faces.restorer',
    `${name} takes ${shown.join(', ') || 'nothing'}; a restorer takes ${expected}.`,
  );
}

async function asCrop(
  session: ForeignSession,
  ports: Ports,
  name: string,
  image: PixelImage,
  settings: FaceSettings,
): Promise<PixelImage> {
  const { side } = ports;
  if (image.width !== side || image.height !== side) {
    const where = 'put a YuNet (face_detection_yunet_2023mar.onnx) into the folder facedetection of the models';
    throw new UserError(
      'faces.detector',
      `${name} needs to know where faces are: ${where}, or give the crop of one face, ${side} x ${side}; the picture is ${image.width} x ${image.height}.`,
    );
  }
  const made = await redrawn(session, ports, image, settings);
  const { channels } = image;
  const data = image.data.map((v, i) => {
    const c = i % channels;
    if (c === 3) return v;
    return Math.round(
      v * (1 - settings.visibility) + made.data[3 * Math.floor(i / channels) + c]! * settings.visibility,
    );
  });
  return { ...image, data };
}

async function redrawn(
  session: ForeignSession,
  { picture, fidelity, side }: Ports,
  crop: PixelImage,
  settings: FaceSettings,
): Promise<PixelImage> {
  const feeds: Record<string, HostTensor> = { [picture.name]: f32([1, 3, side, side], planesOf(crop)) };
  if (fidelity) {
    const shape = fidelity.shape.map((length) => length ?? 1);
    const data = fidelity.dtype === 'f64' ? Float64Array.of(settings.fidelity) : Float32Array.of(settings.fidelity);
    feeds[fidelity.name] = { dtype: fidelity.dtype!, shape, data };
  }
  const answers = Object.values(await session.run(feeds));
  const answer = answers.find(({ shape }) => shape.join() === [1, 3, side, side].join());
  if (!answer) {
    const shown = answers.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    throw new UserError('faces.restorer', `a restorer gives [1, 3, ${side}, ${side}]; this one gives ${shown}.`);
  }
  const planes = toF32(answer);
  checkFinite(planes, 'restorer', 'restoring a face');
  return imageOfPlanes(planes, side, side);
}
