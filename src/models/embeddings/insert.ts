/**
 * Vectors in place of token embeddings: a pass over a text encoder's graph, which then takes, besides `ids`, which
 * positions keep their token's vector and what the others have instead. Always there, so that no other session is
 * needed for a prompt with embeddings.
 */

import { f32 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { add, input, mul } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';
import type { Matrix } from '../adapters/matrix.ts';

const keepInput = 'kept_tokens';
const insertInput = 'inserted_vectors';

/** The graph with inputs `kept_tokens` [batch, positions, 1] and `inserted_vectors` [batch, positions, width]. */
export function withInsertedVectors(graph: Graph): Graph {
  return mapGraph(graph, (v, operands) => {
    const same = withInputs(v, operands);
    if (!isTokenLookup(v)) return same;
    const keep = input(keepInput, 'f32', [...v.shape.slice(0, -1), 1]);
    return add(mul(same, keep), input(insertInput, 'f32', v.shape));
  });
}

/** Rows of a table, by the graph's own ids. */
function isTokenLookup({ op, inputs }: Value): boolean {
  const [table, ids] = inputs;
  return op === 'gather' && table?.op === 'parameter' && ids?.op === 'input' && ids.attrs.name === 'ids';
}

export interface InsertedVectors {
  /** Position in the whole batch: chunk * positions + position. */
  readonly at: number;
  /** [vectors, width] */
  readonly table: Matrix;
}

/** Feeds of the inputs that the pass added; none for a graph without them. */
export function insertionFeeds(graph: Graph, chunks: number, insertions: readonly InsertedVectors[]): Feeds {
  const vectors = graph.inputs.find(({ attrs }) => attrs.name === insertInput);
  if (!vectors) return {};
  const [positions, width] = vectors.shape.slice(1) as [number, number];
  const keep = new Float32Array(chunks * positions).fill(1);
  const inserted = new Float32Array(chunks * positions * width);
  for (const { at, table } of insertions) {
    keep.fill(0, at, at + table.shape[0]!);
    inserted.set(table.data, at * width);
  }
  return {
    [keepInput]: f32([chunks, positions, 1], keep),
    [insertInput]: f32([chunks, positions, width], inserted),
  };
}
