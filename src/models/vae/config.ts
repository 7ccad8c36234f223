/** Sizes of an AutoencoderKL; one entry a level, from the finest. */

export interface VaeConfig {
  readonly imageChannels: number;
  readonly latentChannels: number;
  readonly blockChannels: readonly number[];
  readonly layersPerBlock: number;
  readonly normGroups: number;
  readonly midAttention: boolean;
  /** 1x1 convolutions between the encoder and the latent, and between the latent and the decoder. */
  readonly quantConv: boolean;
  readonly postQuantConv: boolean;
  /** The U-Net's latent is this times the VAE's. */
  readonly scalingFactor: number;
}

/** The VAE of SD 1 and SD 2: eight pixels to one latent cell. */
export const klF8: VaeConfig = {
  imageChannels: 3,
  latentChannels: 4,
  blockChannels: [128, 256, 512, 512],
  layersPerBlock: 2,
  normGroups: 32,
  midAttention: true,
  quantConv: true,
  postQuantConv: true,
  scalingFactor: 0.18215,
};

/** Pixels to one latent cell along a side. */
export function vaeFactor(config: VaeConfig): number {
  return 2 ** (config.blockChannels.length - 1);
}
