/** Settings that other programs left in a picture, as infotext, which everything behind this reads. */

import { type InfotextParts, writeInfotext } from '../infotext-writer.ts';
import { comfyUi } from './comfyui.ts';
import type { Dialect, PictureSize } from './dialect.ts';
import { drawThings } from './draw-things.ts';
import { easyDiffusion } from './easy-diffusion.ts';
import { fooocus } from './fooocus.ts';
import { invokeAi } from './invokeai.ts';
import { invokeAi2 } from './invokeai-2.ts';
import { novelAi } from './novelai.ts';
import { swarmUi } from './swarm-ui.ts';

const dialects: readonly Dialect[] = [
  swarmUi,
  drawThings,
  easyDiffusion,
  fooocus,
  invokeAi,
  invokeAi2,
  novelAi,
  comfyUi,
];

/** The keywords under which pictures hold what the dialects read. */
export const foreignKeywords: readonly string[] = dialects.flatMap(({ keywords }) => keywords);

/**
 * @param texts of a picture, by keyword
 * @param size of the picture, which some programs do not write down
 * @param relabel gives a `Sampler` or `Schedule type` of another program its name in infotext
 */
export function foreignInfotext(
  texts: ReadonlyMap<string, string>,
  size: PictureSize | undefined,
  relabel: (key: string, name: string) => string,
): string | undefined {
  for (const dialect of dialects) {
    const parts = dialect.read(texts, size);
    if (parts) return writeInfotext(relabelled(parts, relabel));
  }
  return undefined;
}

/** ComfyUI and Fooocus have samplers twice, by where their noise is drawn. */
const onGpu = /_gpu$/;

/** Keys of names that differ between programs, and what they name. */
const namedKeys: Readonly<Record<string, string>> = {
  Sampler: 'Sampler',
  'Schedule type': 'Schedule type',
  'Hires sampler': 'Sampler',
  'Hires schedule type': 'Schedule type',
};

function relabelled(parts: InfotextParts, relabel: (key: string, name: string) => string): InfotextParts {
  const entries = [...parts.entries].map(([key, value]) => {
    const named = typeof value === 'string' ? namedKeys[key] : undefined;
    return [key, named ? relabel(named, (value as string).replace(onGpu, '')) : value] as const;
  });
  return { ...parts, entries };
}
