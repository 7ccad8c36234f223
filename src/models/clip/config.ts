/** Sizes of a CLIP text encoder. */

export interface ClipTextConfig {
  readonly vocabSize: number;
  readonly positions: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlpWidth: number;
  readonly activation: 'quickGelu' | 'gelu';
}

/** The text encoder of CLIP ViT-L/14, used by SD 1. */
export const clipL: ClipTextConfig = {
  vocabSize: 49408,
  positions: 77,
  width: 768,
  layers: 12,
  heads: 12,
  mlpWidth: 3072,
  activation: 'quickGelu',
};
