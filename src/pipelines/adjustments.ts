/** What a request changes about the networks themselves, as passes over their graphs, family by family the same. */

import type { Graph } from '#graph/value';
import { withAttentionMap } from '#models/adjust/attention-map';
import { withFreeU } from '#models/adjust/free-u';
import { withHyperTile } from '#models/adjust/hyper-tile';
import { withPerturbedAttention } from '#models/adjust/perturbed-attention';
import { tiled } from '#models/adjust/tiling';
import { withTokenMerging } from '#models/adjust/token-merging';
import type { LatentFormat } from '#models/family';
import type { GenerateRequest } from './request.ts';

/** A change of a graph; graphs with equal `key` are equal. */
export interface Adjustment {
  readonly key: string;
  apply(graph: Graph): Graph;
}

/** Of the autoencoder: joined edges. */
export function autoencoderAdjustment({ tiling, tilingAxes }: GenerateRequest): Adjustment {
  const axes = { x: tiling && tilingAxes !== 'vertical', y: tiling && tilingAxes !== 'horizontal' };
  return { key: tiling ? `tiled ${tilingAxes}` : '', apply: (graph) => (tiling ? tiled(graph, axes) : graph) };
}

/** Of the denoiser. */
export function denoiserAdjustment(request: GenerateRequest, { factor }: Pick<LatentFormat, 'factor'>): Adjustment {
  const { freeUB1: b1, freeUB2: b2, freeUS1: s1, freeUS2: s2, pagScale, sagScale, hyperTile, tokenMerging } = request;
  const freeU = [b1, b2, s1, s2];
  return joined([
    freeU.some((factor) => factor !== 1) && {
      key: `FreeU ${freeU}`,
      apply: (graph) => withFreeU(graph, { b1, b2, s1, s2 }),
    },
    pagScale > 0 && { key: 'perturbed', apply: (graph) => withPerturbedAttention(graph) },
    // Before tiles: both act on the finest level, where whole tokens are what is merged.
    tokenMerging > 0 && {
      key: `merged ${tokenMerging}`,
      apply: (graph) => withTokenMerging(graph, tokenMerging),
    },
    hyperTile > 0 && {
      key: `HyperTile ${hyperTile}`,
      apply: (graph) => withHyperTile(graph, Math.max(hyperTile / factor, 1)),
    },
    sagScale > 0 && { key: 'attention map', apply: withAttentionMap },
    autoencoderAdjustment(request),
  ]);
}

/** One after the other. */
function joined(given: readonly (Adjustment | false)[]): Adjustment {
  const adjustments = given.filter((each) => each !== false);
  return {
    key: adjustments
      .map(({ key }) => key)
      .filter(Boolean)
      .join(', '),
    apply: (graph) => adjustments.reduce((changed, { apply }) => apply(changed), graph),
  };
}
