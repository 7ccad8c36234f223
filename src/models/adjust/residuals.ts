/**
 * Further inputs of a U-Net's graph through which control networks act, each f32 of the shape of what it is added to:
 * residuals on skip connections and middle (ControlNet), features on the levels of the way down (T2I-Adapter, Mou et
 * al. 2023, arXiv:2302.08453, whose features reach skips and deeper levels alike).
 *
 * Passes over a graph with diffusers' parameter names; diffusers `UNet2DConditionModel.forward` is where each acts.
 */

import { UserError } from '#core/errors';
import { add, concat, input } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import { type Graph, topological, type Value } from '#graph/value';

/** Input of a skip connection, counted from the finest; or of the middle. */
export const residualName = (place: number | 'middle'): string => `residual_${place}`;
/** Input of a level of the way down, counted from the finest; one more stands for the middle. */
export const featureName = (level: number): string => `feature_${level}`;

const upNorm = /(?:^|\.)up_blocks\.\d+\.resnets\.\d+\.norm1\.weight$/;

/** The graph with an input for each skip connection and for the middle. @throws UserError for other networks */
export function withResiduals(graph: Graph): Graph {
  const joins = new Set(usersOf(graph, 'groupNorm', upNorm).filter(({ op }) => op === 'concat'));
  if (joins.size === 0) throw noUNet();
  // The way up takes the coarsest skip first.
  let left = joins.size;
  return mapGraph(graph, (v, operands) => {
    if (!joins.has(v)) return withInputs(v, operands);
    const [hidden, skip] = operands as [Value, Value];
    const isFirst = left === joins.size;
    left--;
    const below = isFirst ? plusInput(hidden, residualName('middle')) : hidden;
    return concat([below, plusInput(skip, residualName(left))], 1);
  });
}

/**
 * The graph with an input for each level that has a feature, of whose sizes on the way `atDownsampled` decides: where a
 * level has no attention, diffusers adds behind its downsampling.
 */
export function withFeatures(graph: Graph, count: number): Graph {
  const places = featurePlaces(graph).slice(0, count);
  if (places.length < count) throw noUNet();
  const levels = new Map(places.map((value, level) => [value, level]));
  return mapGraph(graph, (v, operands) => {
    const same = withInputs(v, operands);
    const level = levels.get(v);
    return level === undefined ? same : plusInput(same, featureName(level));
  });
}

/** Of each level the state that a feature is added to, then the middle's. */
export function featurePlaces(graph: Graph): Value[] {
  const values = topological(Object.values(graph.outputs));
  const names = graph.parameters.map(({ attrs }) => attrs.name);
  const places: Value[] = [];
  for (let level = 0; ; level++) {
    const stem = `down_blocks.${level}.`;
    if (!names.some((name) => name.includes(stem))) break;
    const downsampler = values.find((v) => weightOf(v)?.endsWith(`${stem}downsamplers.0.conv.weight`));
    const attends = names.some((name) => name.includes(`${stem}attentions.`));
    const middleNorm = values.find((v) => weightOf(v)?.endsWith('mid_block.resnets.0.norm1.weight'));
    if (downsampler) places.push(attends ? downsampler.inputs[0]! : downsampler);
    else if (middleNorm) places.push(middleNorm.inputs[0]!);
  }
  const firstJoin = usersOf(graph, 'groupNorm', /(?:^|\.)up_blocks\.0\.resnets\.0\.norm1\.weight$/)[0];
  return firstJoin?.op === 'concat' ? [...places, firstJoin.inputs[0]!] : places;
}

/** First operands of the operations whose weight has such a name. */
function usersOf(graph: Graph, op: Value['op'], name: RegExp): Value[] {
  const values = topological(Object.values(graph.outputs));
  return values.flatMap((v) => (v.op === op && name.test(weightOf(v) ?? '') ? [v.inputs[0]!] : []));
}

function weightOf({ inputs }: Value): string | undefined {
  const weight = inputs[1];
  return weight?.op === 'parameter' ? weight.attrs.name : undefined;
}

function plusInput(x: Value, name: string): Value {
  return add(x, input(name, 'f32', x.shape));
}

function noUNet(): UserError {
  return new UserError('control.network', 'Control networks act on U-Nets; this model has none. Leave the unit out.');
}
