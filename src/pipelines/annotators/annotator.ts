/**
 * What an annotator is: it makes of a picture the hint that a control network reads. A row each (`index.ts`), from
 * which lists, forms and requests of every face are made; names are sd-webui-controlnet's.
 */

import type { PixelImage } from '#core/image';

/** A number that an annotator reads. */
export interface AnnotatorSlider {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
}

export interface AnnotatorInput {
  /** RGB. */
  readonly image: PixelImage;
  /** [height, width] of the picture, 0..255: what is to be repainted. */
  readonly mask?: Uint8Array | undefined;
  /** Length of the shorter side to work at, in pixels. */
  readonly resolution: number;
  /** Thresholds within the sliders' bounds. */
  readonly a: number;
  readonly b: number;
}

export interface Hint {
  /** RGB or grey. */
  readonly image: PixelImage;
  /** [height, width], 255 where nothing is to be seen: networks for inpainting get -1 there. */
  readonly hidden?: Uint8Array | undefined;
}

export interface Annotator {
  readonly name: string;
  /** Other names by which it is known. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Kinds of control that it is for, as sd-webui-controlnet's form has them. */
  readonly tags: readonly string[];
  /** Whether it looks at the resolution; else it works at the picture's own size. */
  readonly usesResolution?: boolean;
  readonly a?: AnnotatorSlider;
  readonly b?: AnnotatorSlider;
  readonly needsMask?: boolean;
  /** `picture`: gives a hint. `prompt`: the picture itself is read by an IP adapter. `reference`: by the model. */
  readonly reads: 'picture' | 'prompt' | 'reference';
  readonly annotate: (input: AnnotatorInput) => Hint;
}
