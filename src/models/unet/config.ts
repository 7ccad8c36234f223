/** Sizes of a conditional U-Net; one entry a level, from the finest. */

export interface UNetConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly blockChannels: readonly number[];
  readonly layersPerBlock: number;
  /** Transformer blocks in each attention layer of a level; 0 = the level has no attention. */
  readonly transformerDepth: readonly number[];
  readonly midTransformerDepth: number;
  /** Attention heads of a level; the middle has the last level's. */
  readonly heads: readonly number[];
  readonly contextWidth: number;
  readonly linearProjection: boolean;
  readonly normGroups: number;
  /** Width of a vector that is embedded and added to the time's embedding; absent without one. */
  readonly vectorWidth?: number | undefined;
}

export const sd1UNet: UNetConfig = {
  inChannels: 4,
  outChannels: 4,
  blockChannels: [320, 640, 1280, 1280],
  layersPerBlock: 2,
  transformerDepth: [1, 1, 1, 0],
  midTransformerDepth: 1,
  heads: [8, 8, 8, 8],
  contextWidth: 768,
  linearProjection: false,
  normGroups: 32,
};

/** SDXL's base (Podell et al. 2023, arXiv:2307.01952, table 1). */
export const sdxlUNet: UNetConfig = {
  ...sd1UNet,
  blockChannels: [320, 640, 1280],
  transformerDepth: [0, 2, 10],
  midTransformerDepth: 10,
  heads: [5, 10, 20],
  contextWidth: 2048,
  linearProjection: true,
  vectorWidth: 2816,
};
