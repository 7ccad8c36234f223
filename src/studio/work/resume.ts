/** A request cut down to what is still missing, so that an interrupted job goes on where it was. */

import type { StoredRequest } from '../queue/job.ts';

export interface Remainder {
  readonly request: StoredRequest;
  /** Pictures before the first one of `request`. */
  readonly offset: number;
}

/**
 * Skips the batches that are whole at the front. Picture i of a request has seed + i, or with variations the same seed
 * and subseed + i (A1111's rule), so the rest comes out as it would have.
 * @param delivered places of the pictures that are there
 */
export function remainderOf(request: StoredRequest, delivered: ReadonlySet<number>): Remainder {
  const { batchSize, batchCount, subseedStrength } = request;
  let batch = 0;
  while (batch < batchCount - 1 && isWhole(batch, batchSize, delivered)) batch++;
  const offset = batch * batchSize;
  if (offset === 0) return { request, offset };
  const seed = request.seed + (subseedStrength > 0 ? 0 : offset);
  const rest = { ...request, batchCount: batchCount - batch, seed, subseed: request.subseed + offset };
  return { request: rest, offset };
}

function isWhole(batch: number, batchSize: number, delivered: ReadonlySet<number>): boolean {
  for (let i = 0; i < batchSize; i++) if (!delivered.has(batch * batchSize + i)) return false;
  return true;
}
