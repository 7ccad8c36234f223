/** A hint made of a picture that came from outside, to look at. Runs in a reader's process. */

import { readFile } from 'node:fs/promises';
import { makeHint, shownHint } from '#pipelines/control/hint';
import { findModule } from '#pipelines/control/units';
import { toRgb } from '#pipelines/picture';
import { decodePixels, encodeImage } from '../images/codec.ts';
import { annotatorFinder } from '../library/controls.ts';

export interface HintRequest {
  readonly module: string;
  /** Shorter side at which the module works, in pixels. */
  readonly resolution?: number | undefined;
  readonly thresholdA?: number | undefined;
  readonly thresholdB?: number | undefined;
}

export interface HintOrder extends HintRequest {
  /** Files of the pictures. */
  readonly image: string;
  readonly mask?: string | undefined;
  readonly modelRoots: readonly string[];
}

/** @returns a PNG. @throws UserError `image.*`, `control.*`, `annotator.*` */
export async function hintPicture({
  image,
  mask,
  modelRoots,
  module: name,
  ...request
}: HintOrder): Promise<Uint8Array> {
  const read = async (file: string) => (await decodePixels(await readFile(file))).image;
  const module = await findModule(name, annotatorFinder(modelRoots));
  const order = {
    ...request,
    module,
    image: toRgb(await read(image)),
    mask: mask === undefined ? undefined : await read(mask),
  };
  if ('reads' in module) return await encodeImage(shownHint(await makeHint(order)), 'png');
  const { createOrtNodeBackend } = await import('#backends/ort-node/cpu');
  const { runOnnxAnnotator } = await import('#pipelines/annotators/onnx');
  const backend = createOrtNodeBackend({ device: 'cpu' });
  try {
    const hint = await makeHint({ ...order, run: (...of) => runOnnxAnnotator(backend, ...of) });
    return await encodeImage(shownHint(hint), 'png');
  } finally {
    await backend.dispose();
  }
}
