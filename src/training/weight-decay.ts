/** Which parameters weight decay acts on. */

import type { Shape } from '#core/tensor';

export type DecayRule = (name: string, shape: Shape) => boolean;

/** PyTorch's behaviour: every parameter decays. */
export const decaysAll: DecayRule = () => true;

const lookUpTable = /(token|position)_embedding\.weight$/;

/**
 * Matrices and convolutions only. Gains and biases have their own scale, and rows of a look-up table that a batch does
 * not use would shrink without a gradient to hold them (nanoGPT, MAE and most vision trainers leave them out).
 */
export const decaysMatrices: DecayRule = (name, shape) => shape.length >= 2 && !lookUpTable.test(name);
