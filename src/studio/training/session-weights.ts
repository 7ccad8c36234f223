/** Trained tensors as the weights of a session. */

import type { HostTensor } from '#core/tensor';
import type { WeightSource } from '#engine/backend';

export function memoryWeights(weights: ReadonlyMap<string, HostTensor>): WeightSource {
  return {
    get(name) {
      const tensor = weights.get(name);
      return tensor && { kind: 'memory', tensor };
    },
  };
}
