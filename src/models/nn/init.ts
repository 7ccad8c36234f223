/** Fresh weights for training from scratch, from a given source of random numbers. */

import { f32, type HostTensor, sizeOf } from '#core/tensor';
import type { Initializer } from './scope.ts';

export interface RandomNumbers {
  /** On [0, 1). */
  uniform(): number;
  /** Mean 0, variance 1. */
  normal(): number;
}

/** Values of one parameter. */
export function initialValue(shape: readonly number[], initializer: Initializer, random: RandomNumbers): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  switch (initializer.kind) {
    case 'zeros':
      break;
    case 'ones':
      data.fill(1);
      break;
    case 'uniform':
      for (let i = 0; i < data.length; i++) data[i] = (2 * random.uniform() - 1) * initializer.bound;
      break;
    case 'normal':
      for (let i = 0; i < data.length; i++) data[i] = random.normal() * initializer.std;
      break;
  }
  return f32(shape, data);
}
