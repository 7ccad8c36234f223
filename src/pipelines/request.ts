/**
 * What can be asked for, and what comes of it. The settings of a request are one table (`settings/`), from which the
 * command line, the HTTP APIs, the page and the infotext take names, defaults, bounds and help texts.
 *
 * Sizes left out are the model's own (a family ships its limits as data); pictures arrive decoded, since codecs belong
 * to the faces.
 */

import type { z } from 'zod';
import type { PixelImage } from '#core/image';
import { settingsSchema } from './settings/index.ts';
import type { TraceEvent } from './trace.ts';
import type { UpscaleRequest } from './upscale/request.ts';

export { maxSide, minSide } from './settings/index.ts';

/** What can be asked for; the rows are in `settings/`. */
export const generateSchema = settingsSchema;

/** Settings as callers write them: everything but the prompt may be left out. */
export type GenerateSettings = z.input<typeof generateSchema>;

/**
 * A request as callers write it.
 * @internal The product hands on requests that are filled in.
 */
export type GenerateInput = GenerateSettings & GeneratePictures;

/** A request with every default filled in. */
export type GenerateRequest = z.output<typeof generateSchema> & GeneratePictures;

export interface GeneratePictures {
  /** Start of picture to picture; resized to cover width x height. */
  readonly init?: PixelImage;
  /** White (or opaque) is repainted. Needs `init`. */
  readonly mask?: PixelImage;
  /** White is drawn anew in the latent, in place of what the mask says of it (A1111's `latent_mask`). Needs `mask`. */
  readonly latentMask?: PixelImage;
  /** Of the units in `controls`, by their places. */
  readonly controlPictures?: readonly (ControlPictures | undefined)[];
}

export interface ControlPictures {
  /** What the unit looks at; the init picture when left out. */
  readonly image?: PixelImage;
  /** White is to be repainted, for modules that inpaint; for others, where the unit acts. */
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
  | TraceEvent
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
  /** Before anything is loaded: bytes at the highest, bytes that may be taken, and how the job keeps within them. */
  | { readonly type: 'memory'; readonly peak: number; readonly limit: number; readonly plan: string }
  | { readonly type: 'warning'; readonly message: string };

export type MemoryEvent = Extract<GenerateEvent, { type: 'memory' }>;

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
  /** What a request would take of memory, without loading or drawing; the memory event of its job. */
  estimate?(request: GenerateRequest): Promise<MemoryEvent | undefined>;
  /** One picture, enlarged; its steps are tiles. */
  upscale(request: UpscaleRequest, options?: GenerateOptions): AsyncGenerator<GenerateEvent>;
  dispose(): Promise<void>;
}

/** Reason of an AbortSignal that asks for what is half done to be decoded and yielded: an interrupt, not a cancel. */
export const keepPartial = 'keep-partial';

export interface GenerateOptions {
  readonly signal?: AbortSignal;
  /** Asked after each step: whether the batch at hand ends as far as it has come. True once for each time it is asked for. */
  readonly takeSkip?: () => boolean;
  /** A preview every so many steps; 0 (default) for none. */
  readonly previewEvery?: number;
  /** As little memory at once as can be had: there was too little for it otherwise. */
  readonly inSmallestParts?: boolean;
}
