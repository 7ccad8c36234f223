/** A model's weights with what adapters change in them: changed parameters in memory as float32, the others in place. */

import { InternalError } from '#core/errors';
import type { WeightRef, WeightSource } from '#engine/backend';
import type { ModelFiles } from '../tensor-file.ts';
import { type CombinedAdapters, tensorOf } from './combine.ts';
import { readWeight } from './read-weight.ts';

/** Of one component; others keep their weights. */
export async function mergedWeights(
  files: ModelFiles,
  weights: WeightSource,
  { merged }: CombinedAdapters,
  component: string,
): Promise<WeightSource> {
  const changed = new Map<string, WeightRef>();
  for (const [name, change] of merged) {
    if (!name.startsWith(`${component}.`)) continue;
    const ref = weights.get(name);
    if (!ref) throw new InternalError(`an adapter changes ${name}, which the model has no weight for`);
    changed.set(name, { kind: 'memory', tensor: tensorOf(change(await readWeight(files, ref))) });
  }
  return changed.size === 0 ? weights : { get: (name) => changed.get(name) ?? weights.get(name) };
}
