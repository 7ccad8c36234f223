/** The annotators without a network of their own, in the order in which forms show them. */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { Annotator, AnnotatorInput, AnnotatorSlider, Hint } from './annotator.ts';
import { gaussianBlur } from './blur.ts';
import { canny } from './canny.ts';
import { intensity, lightness } from './colours.ts';
import { lighterThan, lineDrawing, scribble } from './lines.ts';
import { atResolution, padded, resized } from './scaled.ts';
import { shuffled } from './shuffle.ts';

const slider = (label: string, [min, max]: readonly [number, number], value: number, step = 1): AnnotatorSlider => ({
  label,
  min,
  max,
  step,
  value,
});

const gamma = slider('Gamma', [0.1, 2], 1, 0.001);
const itself = ({ image }: AnnotatorInput): Hint => ({ image });
const masked = ({ image, mask }: AnnotatorInput): Hint => ({ image, hidden: mask });

function mapped(image: PixelImage, change: (value: number) => number): PixelImage {
  return { ...image, data: image.data.map(change) };
}

function blurred(image: PixelImage, sigma: number): PixelImage {
  return { ...image, data: Uint8Array.from(gaussianBlur(image.data, image, sigma, true)) };
}

/** Smaller by `rate`, which the network is to make sharp again. */
function sampledDown(image: PixelImage, rate: number): PixelImage {
  if (rate < 1.1) return image;
  const smaller = (side: number): number => Math.max(Math.trunc(side / rate), 1);
  return resized(image, { width: smaller(image.width), height: smaller(image.height) });
}

const ownPrompt = (name: string, aliases: readonly string[] = []): Annotator => ({
  name,
  aliases,
  summary: 'The picture is read by the CLIP vision encoder that the IP adapter was trained with.',
  tags: ['IP-Adapter'],
  reads: 'prompt',
  annotate: itself,
});

export const annotators: readonly Annotator[] = [
  { name: 'none', summary: 'The picture is the hint.', tags: [], reads: 'picture', annotate: itself },
  {
    name: 'invert',
    aliases: ['invert (from white bg & black line)'],
    summary: 'Dark lines on white made light lines on black.',
    tags: ['Canny', 'Lineart', 'Scribble', 'MLSD'],
    reads: 'picture',
    annotate: ({ image }) => ({ image: mapped(image, (v) => 255 - v) }),
  },
  {
    name: 'canny',
    summary: 'Hard edges.',
    tags: ['Canny'],
    usesResolution: true,
    a: slider('Low threshold', [1, 255], 100),
    b: slider('High threshold', [1, 255], 200),
    reads: 'picture',
    annotate: ({ image, resolution, a, b }) => ({ image: padded(image, resolution, (scaled) => canny(scaled, a, b)) }),
  },
  {
    name: 'scribble_xdog',
    summary: 'Rough lines by differences of blurs.',
    tags: ['Scribble'],
    usesResolution: true,
    a: slider('XDoG threshold', [1, 64], 32),
    reads: 'picture',
    annotate: ({ image, resolution, a }) => ({ image: padded(image, resolution, (scaled) => scribble(scaled, a)) }),
  },
  {
    name: 'lineart_standard',
    aliases: ['lineart_standard (from white bg & black line)'],
    summary: 'Lines that are darker than what is around them.',
    tags: ['Lineart'],
    usesResolution: true,
    reads: 'picture',
    annotate: ({ image, resolution }) => ({ image: padded(image, resolution, lineDrawing) }),
  },
  {
    name: 'threshold',
    summary: 'White where the picture is lighter.',
    tags: [],
    usesResolution: true,
    a: slider('Binarization threshold', [0, 255], 127),
    reads: 'picture',
    annotate: ({ image, resolution, a }) => ({ image: padded(image, resolution, (scaled) => lighterThan(scaled, a)) }),
  },
  {
    name: 'blur_gaussian',
    aliases: ['blur'],
    summary: 'The picture out of focus.',
    tags: ['Tile', 'Blur'],
    usesResolution: true,
    a: slider('Sigma', [0.01, 64], 9, 0.01),
    reads: 'picture',
    annotate: ({ image, resolution, a }) => ({ image: blurred(atResolution(image, resolution), a) }),
  },
  {
    name: 'tile_resample',
    aliases: ['tile'],
    summary: 'The picture at a lower resolution, whose details are made anew.',
    tags: ['Tile'],
    a: slider('Down sampling rate', [1, 8], 1, 0.01),
    reads: 'picture',
    annotate: ({ image, a }) => ({ image: sampledDown(image, a) }),
  },
  {
    name: 'shuffle',
    summary: 'The picture’s colours, moved about.',
    tags: ['Shuffle'],
    usesResolution: true,
    reads: 'picture',
    annotate: ({ image, resolution }) => ({ image: shuffled(atResolution(image, resolution)) }),
  },
  {
    name: 'recolor_luminance',
    aliases: ['recolor', 'recolour', 'recolour_luminance'],
    summary: 'Lightness without colour.',
    tags: ['Recolor'],
    a: gamma,
    reads: 'picture',
    annotate: ({ image, a }) => ({ image: lightness(image, a) }),
  },
  {
    name: 'recolor_intensity',
    aliases: ['recolour_intensity'],
    summary: 'The strongest channel without colour.',
    tags: ['Recolor'],
    a: gamma,
    reads: 'picture',
    annotate: ({ image, a }) => ({ image: intensity(image, a) }),
  },
  {
    name: 'inpaint_only',
    summary: 'The picture with a hole where it is masked.',
    tags: ['Inpaint'],
    needsMask: true,
    reads: 'picture',
    annotate: masked,
  },
  {
    name: 'inpaint_global_harmonious',
    aliases: ['inpaint'],
    summary: 'The picture with a hole where it is masked; what is around it may change as well.',
    tags: ['Inpaint'],
    needsMask: true,
    reads: 'picture',
    annotate: masked,
  },
  {
    name: 'reference_only',
    summary: 'The model looks at the picture while it draws; no control network is needed.',
    tags: ['Reference'],
    a: slider('Style fidelity', [0, 1], 0.5, 0.01),
    reads: 'reference',
    annotate: itself,
  },
  ownPrompt('ip-adapter-auto'),
  ownPrompt('ip-adapter_clip_h', ['ip-adapter_clip_sd15']),
  ownPrompt('ip-adapter_clip_g', ['ip-adapter_clip_sdxl']),
  ownPrompt('ip-adapter_clip_sdxl_plus_vith'),
];

/** By name or alias, whatever the case. */
export function findAnnotator(name: string): Annotator | undefined {
  const wanted = name.trim().toLowerCase();
  return annotators.find((each) => each.name.toLowerCase() === wanted || each.aliases?.includes(wanted));
}

export const usualResolution = 512;

export interface AnnotatorSettings {
  readonly resolution?: number | undefined;
  readonly a?: number | undefined;
  readonly b?: number | undefined;
  readonly mask?: Uint8Array | undefined;
}

/** Thresholds that are left out, or out of bounds, are the annotator's own, as in sd-webui-controlnet. */
export function annotate(annotator: Annotator, image: PixelImage, settings: AnnotatorSettings): Hint {
  if (annotator.needsMask && !settings.mask) {
    throw new UserError('control.mask', `${annotator.name} needs a mask: white where the picture is to be painted.`);
  }
  const within = (value: number | undefined, of: AnnotatorSlider | undefined): number =>
    of === undefined ? 0 : value === undefined || value < of.min || value > of.max ? of.value : value;
  return annotator.annotate({
    image,
    mask: settings.mask,
    resolution: settings.resolution ?? usualResolution,
    a: within(settings.a, annotator.a),
    b: within(settings.b, annotator.b),
  });
}
