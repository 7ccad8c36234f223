/**
 * What can be asked for: the one schema from which the command line, the HTTP API and the page take their fields,
 * defaults, bounds and help texts. Names are A1111's vocabulary in camel case.
 *
 * Sizes left out are the model's own (a family ships its limits as data); pictures arrive decoded, since codecs belong
 * to the faces.
 */

import { z } from 'zod';
import type { PixelImage } from '#core/image';

/** Upper bound of one side, in pixels: beyond it a request is a mistake, not a wish. */
export const maxSide = 4096;

const side = z
  .int()
  .min(64)
  .max(maxSide)
  .refine((v) => v % 8 === 0, { error: (issue) => `must be a multiple of 8, got ${String(issue.input)}` });

export const generateSchema = z.object({
  prompt: z.string().default('').describe('What the picture should show, in A1111 syntax.'),
  negativePrompt: z.string().default('').describe('What it should not show.'),
  model: z.string().optional().describe('Checkpoint name or path; the embedded model when left out.'),
  vae: z.string().optional().describe('VAE name or path; the one inside the checkpoint when left out.'),
  sampler: z.string().default('DPM++ 2M').describe('Sampling method.'),
  scheduler: z.string().default('Automatic').describe('Noise schedule; Automatic takes the sampler’s own.'),
  steps: z.int().min(1).max(1000).default(20).describe('Sampling steps.'),
  cfgScale: z.number().min(0).max(100).default(7).describe('How strongly to follow the prompt (1 = no guidance).'),
  seed: z.int().min(-1).max(Number.MAX_SAFE_INTEGER).default(-1).describe('First seed; -1 draws one.'),
  subseed: z.int().min(-1).max(Number.MAX_SAFE_INTEGER).default(-1).describe('Variation seed; -1 draws one.'),
  subseedStrength: z.number().min(0).max(1).default(0).describe('How far to move towards the variation seed.'),
  width: side.optional().describe('Width in pixels, a multiple of 8; the model’s own when left out.'),
  height: side.optional().describe('Height in pixels, a multiple of 8; the model’s own when left out.'),
  batchSize: z.int().min(1).max(64).default(1).describe('Pictures made at once.'),
  batchCount: z.int().min(1).max(1000).default(1).describe('Batches made one after the other.'),
  clipSkip: z
    .int()
    .min(1)
    .max(12)
    .default(1)
    .describe('Stop the text encoder this many layers before its end (1 = none).'),
  eta: z.number().min(0).max(1).optional().describe('Noise multiplier of ancestral samplers and DDIM.'),
  randomSource: z.enum(['cpu', 'gpu']).default('cpu').describe('Noise stream: PyTorch’s CPU or CUDA’s Philox.'),
  emphasis: z.enum(['Original', 'No norm', 'Ignore', 'None']).default('Original').describe('How (weights:1.2) act.'),
  denoisingStrength: z.number().min(0).max(1).default(0.75).describe('Picture to picture: how much may change.'),
  maskBlur: z.number().min(0).max(64).default(4).describe('Inpainting: blur of the mask’s edge, in pixels.'),
  maskedContent: z
    .enum(['original', 'noise', 'fill', 'nothing'])
    .default('original')
    .describe('What is under the mask at the start.'),
  maskInvert: z.boolean().default(false).describe('Repaint what is not masked.'),
});

/** A request as callers write it: everything but the prompt may be left out. */
export type GenerateInput = z.input<typeof generateSchema> & GeneratePictures;

/** A request with every default filled in. */
export type GenerateRequest = z.output<typeof generateSchema> & GeneratePictures;

export interface GeneratePictures {
  /** Start of picture to picture; resized to cover width x height. */
  readonly init?: PixelImage;
  /** White (or opaque) is repainted. Needs `init`. */
  readonly mask?: PixelImage;
}

/** What happens while a request is worked on, in order. */
export type GenerateEvent =
  | { readonly type: 'loading'; readonly part: string; readonly bytes?: number; readonly totalBytes?: number }
  | {
      readonly type: 'step';
      readonly batch: number;
      readonly batches: number;
      /** Steps done in this batch, 1-based. */
      readonly step: number;
      readonly steps: number;
      /** Seconds left over all batches, from the steps so far. */
      readonly eta?: number;
    }
  | { readonly type: 'preview'; readonly batch: number; readonly images: readonly PixelImage[] }
  | {
      readonly type: 'image';
      /** Position over all batches, from 0. */
      readonly index: number;
      readonly image: PixelImage;
      readonly seed: number;
      readonly subseed: number;
      /** A1111's parameters text, as embedded in the file. */
      readonly infotext: string;
      readonly model: ModelReference;
    }
  | { readonly type: 'warning'; readonly message: string };

export interface ModelReference {
  readonly name: string;
  /** First ten hex digits of the file's sha256, as A1111 shows it; absent until hashed. */
  readonly hash?: string;
  readonly family: string;
}

/**
 * The one interface between those who ask for pictures (command line, studio) and those who make them. Cancel by
 * `signal`: it is looked at between steps; finished pictures have been yielded by then.
 */
export interface PictureEngine {
  generate(request: GenerateRequest, options?: GenerateOptions): AsyncGenerator<GenerateEvent>;
  dispose(): Promise<void>;
}

/** The part of an AbortSignal that is needed here; pure rooms know no platform. */
export interface CancelSignal {
  readonly aborted: boolean;
}

export interface GenerateOptions {
  readonly signal?: CancelSignal;
  /** A preview every so many steps; 0 (default) for none. */
  readonly previewEvery?: number;
}
