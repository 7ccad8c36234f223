/**
 * The deep part of a U-Net apart from the shallow one, so that what the deep part made in one step can be used again in
 * the next ones. Ma et al. 2024 (arXiv:2312.00858), their branch 0: all but the first convolution, the last layer of the
 * last up block and what follows is deep. Passes over the graph of a U-Net with diffusers' parameter names.
 */

import { UserError } from '#core/errors';
import { input } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { joinsOfUpBlocks } from './up-blocks.ts';

/** Name of the whole network's further output and of the shallow network's input. */
export const deepFeatures = 'deep_features';

/** The whole network, which also gives its deep part's result. */
export function withDeepFeatures(graph: Graph): Graph {
  return closeGraph(graph.name, { ...graph.outputs, [deepFeatures]: deepOf(graph) });
}

/** The shallow part alone, which takes the deep part's result. */
export function shallowPart(graph: Graph): Graph {
  const deep = deepOf(graph);
  const given = input(deepFeatures, 'f32', deep.shape);
  const { prediction } = graph.outputs;
  const alone = closeGraph(`${graph.name}_shallow`, { prediction: prediction! });
  return mapGraph(alone, (v, inputs) => (v === deep ? given : withInputs(v, inputs)));
}

/** What the last join has from below. @throws UserError for a network without up blocks */
function deepOf(graph: Graph): Value {
  const last = [...joinsOfUpBlocks(graph).keys()].at(-1);
  if (last) return last.inputs[0]!;
  throw new UserError('step-cache.network', 'The step cache needs a U-Net; this model has none. Leave it out.');
}
