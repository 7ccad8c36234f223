/**
 * Textual inversion (Gal et al. 2022, arXiv:2208.01618): vectors that stand in a prompt where words would, and nothing
 * else learns. They are chosen by inputs of their own, so that every row of the token table stays as it is.
 */

import { add, gather, input, mul, parameter, sub } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph } from '#graph/value';
import type { PlacedVectors, TrainedModel, TrainedNetworks } from './trained-networks.ts';

const tokenTable = /\.token_embedding\.weight$/;

/** Names under which an embedding's vectors are kept, one a text encoder: kohya's, or the family's own. */
export function embeddingNames({ family, parts }: TrainedModel): readonly string[] {
  return parts.textEncoders.length === 1 ? ['emb_params'] : (family.embeddingKeys ?? []);
}

/** `start`: first vectors of each text encoder, [vectors, width]. */
export function invertedNetworks(model: TrainedModel, start: readonly Float32Array[]): TrainedNetworks {
  const names = embeddingNames(model);
  const placed = names.map((_, i): PlacedVectors => ({ indices: `vector_${i}`, here: `here_${i}` }));
  const trained = names.map((name, i) => {
    const { width } = model.parts.textEncoders[i]!;
    const values = start[i]!;
    return { name, shape: [values.length / width, width], initial: { kind: 'values' as const, values } };
  });
  return {
    trained,
    placed,
    trainsEncoder: () => true,
    encoder: (index, graph) => withVectors(graph, placed[index]!, trained[index]!),
    denoiser: (graph) => graph,
  };
}

function withVectors(
  graph: Graph,
  { indices, here }: PlacedVectors,
  { name, shape }: { name: string; shape: readonly number[] },
): Graph {
  return mapGraph(graph, (v, operands) => {
    const rows = withInputs(v, operands);
    const [table, ids] = v.inputs;
    if (v.op !== 'gather' || table?.op !== 'parameter' || !tokenTable.test(table.attrs.name)) return rows;
    const stands = input(here, 'f32', [...ids!.shape, 1]);
    const vectors = gather(parameter(name, shape), input(indices, 'i64', ids!.shape));
    return add(mul(rows, sub(1, stands)), mul(vectors, stands));
  });
}
