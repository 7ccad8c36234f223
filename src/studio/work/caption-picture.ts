/** What a picture from outside shows, in tags. Runs in a reader's process. */

import { readFile } from 'node:fs/promises';
import type { Caption } from '#pipelines/annotators/captioner';
import { decodePixels } from '../images/codec.ts';
import { findCaptioner } from '../library/captioners.ts';

export interface CaptionRequest {
  /** By name; the first one when left out. */
  readonly captioner?: string | undefined;
  /** Least probability of a tag; the captioner's own when left out. */
  readonly threshold?: number | undefined;
}

export interface CaptionOrder extends CaptionRequest {
  /** File of the picture. */
  readonly image: string;
  readonly modelRoots: readonly string[];
}

/** @throws UserError `image.*`, `captioner.*` */
export async function captionOf({ image, captioner, threshold, modelRoots }: CaptionOrder): Promise<Caption> {
  const found = await findCaptioner(captioner, modelRoots);
  const { image: picture } = await decodePixels(await readFile(image));
  const { captionPicture } = await import('#pipelines/annotators/captioner');
  const { createOrtNodeBackend } = await import('#backends/ort-node/cpu');
  const backend = createOrtNodeBackend({ device: 'cpu' });
  try {
    return await captionPicture(backend, found, picture, threshold);
  } finally {
    await backend.dispose();
  }
}
