/** Names of what the lab compares, apart from the networks themselves, so that a form needs none of them. */

export const generatorNames = ['dcgan', 'r1-gan', 'ddpm'] as const;
export type GeneratorName = (typeof generatorNames)[number];

export const digitNetworkNames = ['lenet-5', 'modern'] as const;
export type DigitNetworkName = (typeof digitNetworkNames)[number];
