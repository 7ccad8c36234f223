/** Enlarging a picture as a request: by a factor or to a size, by one upscaler or two mixed. */

import { z } from 'zod';
import type { PixelImage } from '#core/image';
import type { Backend } from '#engine/backend';
import { type InfotextEntry, writeInfotext } from '#prompt/infotext-writer';
import { type FaceNetworks, type FindFaceNetworks, restoreFaces } from '../faces/restore.ts';
import type { HostMemory } from '../memory/host-memory.ts';
import { fittedTile } from '../memory/upscale-memory.ts';
import { cropCentre } from '../picture.ts';
import type { GenerateEvent, GenerateOptions } from '../request.ts';
import type { PlaneSize } from '../resample.ts';
import { maxSide } from '../settings/index.ts';
import {
  blend,
  checkUpscaledSize,
  defaultOverlap,
  defaultTile,
  longestUpscaledSide,
  type Upscalers,
} from './upscalers.ts';

const side = z.int().min(1).max(longestUpscaledSide);

export const upscaleSchema = z.object({
  by: z
    .number()
    .gt(0)
    .max(16)
    .default(4)
    .describe('Enlarge by this factor, unless a width or height is given.')
    .meta({ label: 'Factor', level: 'simple' }),
  width: side
    .optional()
    .describe('Enlarge to this width; by the height’s factor when left out.')
    .meta({ flag: false, label: 'Width' }),
  height: side.optional().describe('Enlarge to this height.').meta({ flag: false, label: 'Height' }),
  crop: z
    .boolean()
    .default(true)
    .describe('To a size of another shape: cover it and cut the rest off.')
    .meta({ label: 'Crop' }),
  upscaler: z
    .string()
    .max(500)
    .optional()
    .describe('Upscaler by name, Lanczos or Nearest; the one that comes with Darkroom when left out.')
    .meta({ label: 'Upscaler', level: 'simple', control: 'choice', choices: 'upscalers' }),
  upscaler2: z
    .string()
    .max(500)
    .optional()
    .describe('A second one, mixed over the first.')
    .meta({ label: 'Second upscaler', control: 'choice', choices: 'upscalers' }),
  visibility: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('How much of the second one shows, 0 to 1.')
    .meta({ label: 'Visibility of the second', when: 'upscaler2' }),
  tile: z
    .int()
    .min(32)
    .max(maxSide)
    .default(defaultTile)
    .describe('Side of the squares that are enlarged at a time, pixels: smaller takes less memory.')
    .meta({ label: 'Tile' }),
  overlap: z
    .int()
    .min(0)
    .max(256)
    .default(defaultOverlap)
    .describe('Pixels that neighbouring squares share.')
    .meta({ label: 'Overlap' }),
  faces: z
    .string()
    .max(500)
    .optional()
    .describe('Draw faces anew by this restorer, such as gfpgan: an ONNX file of yours.')
    .meta({ label: 'Restorer of faces' }),
  facesVisibility: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('How much of the restored faces shows, 0 to 1.')
    .meta({ label: 'Visibility of the faces', when: 'faces' }),
  faces2: z
    .string()
    .max(500)
    .optional()
    .describe('A second restorer, which draws over what the first has drawn.')
    .meta({ label: 'Second restorer', when: 'faces' }),
  faces2Visibility: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('How much of the second one’s faces shows, 0 to 1.')
    .meta({ label: 'Visibility of its faces', when: 'faces2' }),
  facesFidelity: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('How close to what is seen a restorer stays that asks for it (CodeFormer’s weight), 0 to 1.')
    .meta({ label: 'Fidelity of the faces', when: 'faces' }),
  multiple: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Sides of the result are multiples of this.')
    .meta({ flag: false, control: 'none' }),
});

export type UpscaleSettings = z.output<typeof upscaleSchema>;

export interface UpscaleRequest extends UpscaleSettings {
  readonly init: PixelImage;
  /** What is known of the picture, which goes on to the enlarged one. */
  readonly infotext?: string;
}

/** Size before and after what sticks out is cut off. @throws UserError `upscale.size` */
export function upscaledSize(from: PlaneSize, settings: UpscaleSettings): { to: PlaneSize; size: PlaneSize } {
  const { width, height, crop, multiple } = settings;
  const isSized = width !== undefined || height !== undefined;
  const by = isSized ? Math.max((width ?? 0) / from.width, (height ?? 0) / from.height) : settings.by;
  const onGrid = (length: number): number => Math.max(Math.round(length) - (Math.round(length) % multiple), 1);
  const to = { width: onGrid(from.width * by), height: onGrid(from.height * by) };
  checkUpscaledSize(to);
  const size = isSized && crop ? { width: width ?? to.width, height: height ?? to.height } : to;
  return { to: { width: Math.max(to.width, size.width), height: Math.max(to.height, size.height) }, size };
}

export interface UpscaleContext extends GenerateOptions {
  readonly upscalers: Upscalers;
  /** What there is, where it is known. */
  readonly memory?: HostMemory | undefined;
  /** The upscaler for a factor where none is named. */
  readonly defaultUpscaler: (by: number) => string;
  readonly faces: {
    readonly backend: Backend;
    readonly find: FindFaceNetworks;
  };
}

/** Steps are tiles; the picture comes as an `image`. Ends early, without one, once the signal is set. */
export async function* runUpscale(
  request: UpscaleRequest,
  { upscalers, defaultUpscaler, memory, faces, signal }: UpscaleContext,
): AsyncGenerator<GenerateEvent, void, undefined> {
  const { init, overlap, visibility } = request;
  const { to, size } = upscaledSize(init, request);
  // A restorer that is not there is told before anything is enlarged.
  const restorers = await restorersOf(request, faces.find);
  const name = request.upscaler ?? defaultUpscaler(Math.max(to.width / init.width, to.height / init.height));
  const names = [name, ...(request.upscaler2 === undefined || visibility === 0 ? [] : [request.upscaler2])];
  const made: PixelImage[] = [];
  for (const [batch, upscaler] of names.entries()) {
    const { tile, warning } = await fittedTile({ upscaler, image: init, tile: request.tile }, upscalers, memory);
    if (warning !== undefined) yield { type: 'warning', message: warning };
    const run = upscalers.upscale(init, { upscaler, to, tile, overlap: Math.min(overlap, tile >> 1), signal });
    let next = await run.next();
    for (; !next.done; next = await run.next()) {
      const { value } = next;
      if (value.type === 'loading') yield value;
      else yield { type: 'step', batch, batches: names.length, step: value.done, steps: value.total };
    }
    if (!next.value) return;
    made.push(next.value);
  }
  let image = cropCentre(made.length === 1 ? made[0]! : blend(made[0]!, made[1]!, visibility), size);
  for (const { networks, visibility: shown } of restorers) {
    yield { type: 'loading', part: 'restorer' };
    const settings = { visibility: shown, fidelity: request.facesFidelity };
    const restored = await restoreFaces(faces.backend, networks, image, settings);
    if (restored.faces === 0) yield { type: 'warning', message: 'No face was found that could be restored.' };
    image = restored.image;
  }
  const infotext = upscaledText(request, names, restorers);
  yield { type: 'image', index: 0, image, seed: 0, subseed: 0, infotext, model: { name, family: 'upscaler' } };
}

interface Restorer {
  readonly networks: FaceNetworks;
  readonly visibility: number;
}

async function restorersOf(request: UpscaleRequest, find: FindFaceNetworks): Promise<Restorer[]> {
  const asked = [
    [request.faces, request.facesVisibility],
    [request.faces2, request.faces2Visibility],
  ] as const;
  const found: Restorer[] = [];
  for (const [name, visibility] of asked) {
    if (name && visibility > 0) found.push({ networks: await find(name), visibility });
  }
  return found;
}

/** What was known of the picture, with A1111's words for what was done to it. */
function upscaledText(request: UpscaleRequest, names: readonly string[], restorers: readonly Restorer[]): string {
  const { infotext, by, width, height, visibility } = request;
  const sized = width !== undefined || height !== undefined;
  const entries: InfotextEntry[] = [
    sized ? ['Postprocess upscale to', `${width ?? height}x${height ?? width}`] : ['Postprocess upscale by', by],
    ['Postprocess upscaler', names[0]],
    ['Postprocess upscaler 2', names[1]],
    ['Postprocess upscaler 2 visibility', names[1] === undefined ? undefined : visibility],
    ...restorers.flatMap(({ networks, visibility: shown }, i): InfotextEntry[] => {
      const key = `Postprocess faces${i === 0 ? '' : ` ${i + 1}`}`;
      return [
        [key, networks.restorer.name],
        [`${key} visibility`, shown],
      ];
    }),
    ['Postprocess faces fidelity', restorers.length === 0 ? undefined : request.facesFidelity],
  ];
  const line = writeInfotext({ prompt: '', entries });
  return infotext === undefined || infotext === '' ? line : `${infotext.trimEnd()}, ${line}`;
}
