/**
 * Hypernetworks as A1111 has them (modules/hypernetworks/hypernetwork.py): small networks, a pair for each width, that
 * change what keys and values of every attention are made from: k from x + net_0(x), v from x + net_1(x).
 */

import { add, input, linear, mul, layerNorm as normalised, parameter } from '#graph/build';
import type { Value } from '#graph/value';
import { activations } from '#models/hypernetworks/activations';
import type { Initializer } from '#models/nn/scope';
import type { ActivationName, initialisations } from '../settings/hypernetwork-names.ts';
import type { DropoutFeeds } from './adapter-forms.ts';
import { withLayers } from './layer-pass.ts';
import type { TrainedModel, TrainedNetworks, TrainedParameter } from './trained-networks.ts';

export interface HypernetworkShape {
  /** Widths of the layers as multiples of the context's; the first and last are 1. */
  readonly structure: readonly number[];
  readonly activation: ActivationName;
  readonly initialisation: (typeof initialisations)[number];
  readonly layerNorm: boolean;
  /** The activation also acts on what the last layer gives. */
  readonly activateOutput: boolean;
  /** Share dropped behind each layer, one number an entry of `structure`; none when left out. */
  readonly dropout?: readonly number[] | undefined;
}

/** A step of a network's Sequential; those without parameters take a number too. */
type Step =
  | { readonly kind: 'linear'; readonly index: number; readonly from: number; readonly to: number }
  | { readonly kind: 'norm'; readonly index: number; readonly width: number }
  | { readonly kind: 'activation' }
  | { readonly kind: 'dropout'; readonly index: number; readonly share: number };

/** PyTorch's Sequential of a network for contexts of `width`. */
function stepsOf(width: number, shape: HypernetworkShape): Step[] {
  const { structure, activation, layerNorm, activateOutput, dropout } = shape;
  const steps: Step[] = [];
  const layers = structure.length - 1;
  for (let i = 0; i < layers; i++) {
    const [from, to] = [width * structure[i]!, width * structure[i + 1]!];
    steps.push({ kind: 'linear', index: steps.length, from, to });
    if (activation !== 'linear' && (i < layers - 1 || activateOutput)) steps.push({ kind: 'activation' });
    if (layerNorm) steps.push({ kind: 'norm', index: steps.length, width: to });
    const share = dropout?.[i + 1] ?? 0;
    if (share > 0) steps.push({ kind: 'dropout', index: steps.length, share });
  }
  return steps;
}

function parametersOf(name: string, width: number, shape: HypernetworkShape): TrainedParameter[] {
  const initial = initialiserOf(shape);
  return stepsOf(width, shape).flatMap((step): TrainedParameter[] => {
    if (step.kind !== 'linear' && step.kind !== 'norm') return [];
    const [out, weight] = step.kind === 'linear' ? [step.to, [step.to, step.from]] : [step.width, [step.width]];
    const own = `${name}.linear.${step.index}`;
    // A1111 draws the weights of its norms as it draws others.
    return [
      { name: `${own}.weight`, shape: weight, initial: step.kind === 'norm' ? normal(0.01) : initial(weight) },
      { name: `${own}.bias`, shape: [out], initial: { kind: 'zeros' } },
    ];
  });
}

const normal = (std: number): Initializer => ({ kind: 'normal', std });

/** torch.nn.init's, of a weight [out, in]. */
function initialiserOf({ initialisation, activation }: HypernetworkShape): (shape: readonly number[]) => Initializer {
  const gain = activation === 'leakyrelu' ? Math.sqrt(2 / (1 + 0.01 ** 2)) : Math.SQRT2;
  return ([out, inner]) => {
    const xavier = Math.sqrt(2 / (out! + inner!));
    const kaiming = gain / Math.sqrt(inner!);
    switch (initialisation) {
      case 'Normal':
        return normal(0.01);
      case 'XavierNormal':
        return normal(xavier);
      case 'XavierUniform':
        return { kind: 'uniform', bound: Math.sqrt(3) * xavier };
      case 'KaimingNormal':
        return normal(kaiming);
      case 'KaimingUniform':
        return { kind: 'uniform', bound: Math.sqrt(3) * kaiming };
    }
  };
}

/** x + net(x) */
function changed(name: string, x: Value, width: number, shape: HypernetworkShape, drops: DropoutFeeds): Value {
  let y = x;
  for (const step of stepsOf(width, shape)) {
    switch (step.kind) {
      case 'linear': {
        const own = `${name}.linear.${step.index}`;
        y = linear(y, parameter(`${own}.weight`, [step.to, step.from]), parameter(`${own}.bias`, [step.to]));
        break;
      }
      case 'activation':
        y = activations[shape.activation]!(y);
        break;
      case 'norm': {
        const own = `${name}.linear.${step.index}`;
        y = normalised(y, parameter(`${own}.weight`, [step.width]), parameter(`${own}.bias`, [step.width]));
        break;
      }
      case 'dropout': {
        // One mask for all layers that the network acts on: drawn for each step, not for each place.
        const mask = `${name}.linear.${step.index}.dropout`;
        drops.set(mask, step.share);
        y = mul(y, input(mask, 'f32', [y.shape.at(-1)!]));
        break;
      }
    }
  }
  return add(x, y);
}

const keyOrValue = /\.attn[12]\.to_([kv])$/;

export interface HypernetworkNetworks extends TrainedNetworks {
  readonly drops: DropoutFeeds;
  readonly widths: readonly number[];
}

/** `widths`: contexts that get a pair of networks; those that the model does not have are told by `unused`. */
export function hypernetworks(
  { parts }: TrainedModel,
  widths: readonly number[],
  shape: HypernetworkShape,
): HypernetworkNetworks {
  const drops: DropoutFeeds = new Map();
  const used = widths.filter((width) => contextWidths(parts.denoiser.graph()).has(width));
  const trained = used.flatMap((width) => [0, 1].flatMap((which) => parametersOf(`${width}.${which}`, width, shape)));
  return {
    trained,
    drops,
    widths: used,
    trainsEncoder: () => false,
    encoder: (_index, graph) => graph,
    denoiser: (graph) =>
      withLayers(graph, (layer) => {
        const which = keyOrValue.exec(layer.module)?.[1];
        const width = layer.x.shape.at(-1);
        if (which === undefined || typeof width !== 'number' || !used.includes(width)) return undefined;
        return layer.with(changed(`${width}.${which === 'k' ? 0 : 1}`, layer.x, width, shape, drops));
      }),
  };
}

/** Widths of what keys and values are made from. */
export function contextWidths(graph: Parameters<typeof withLayers>[0]): Set<number> {
  const widths = new Set<number>();
  withLayers(graph, ({ module, x }) => {
    const width = x.shape.at(-1);
    if (keyOrValue.test(module) && typeof width === 'number') widths.add(width);
    return undefined;
  });
  return widths;
}
