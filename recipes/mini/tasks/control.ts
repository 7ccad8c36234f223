/**
 * Networks of a Control-LoRA (Stability AI; ComfyUI comfy/controlnet.py `ControlLora`) on a U-Net: a ControlNet whose
 * way down is the base's own with low-rank changes that learn, and whose hint embedding and zero convolutions learn
 * whole. Small, since the base's weights are not stored again.
 */

import { InternalError } from '#core/errors';
import { parameter } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph } from '#graph/value';
import { withResiduals } from '#models/adjust/residuals';
import { type ControlNetConfig, controlNetGraph, controlNetScope } from '#models/control/controlnet';
import { type DeclaredParameter, Scope } from '#models/nn/scope';
import { unetScope } from '#models/unet/network';
import { adapted, type FormOptions, formTensors, type Target } from '#training/networks/adapter-forms';
import { withLayers } from '#training/networks/layer-pass';
import type { TrainedModel, TrainedNetworks } from '#training/networks/trained-networks';

/** Layers of the copy that learn. */
const changing = /\.(resnets|attentions|downsamplers)\./;

const plain: FormOptions = { factor: -1, dropout: 0, rankDropout: 0, moduleDropout: 0 };

export interface ControlNetworks extends TrainedNetworks {
  readonly config: ControlNetConfig;
  readonly targets: readonly Target[];
}

/** @param hintWidths channels of the hint's embedding, see `ControlNetConfig` */
export function controlNetworks({ parts }: TrainedModel, rank: number, hintWidths: readonly number[]): ControlNetworks {
  const { unet } = parts.denoiser;
  if (!unet) throw new InternalError('the model has no U-Net');
  const config: ControlNetConfig = { unet, hintChannels: 3, hintWidths };
  const targets = declared(config)
    .filter(isChanging)
    .map((layer) => targetOf(layer, rank));
  const byModule = new Map(targets.map((target) => [target.name, target]));
  return {
    config,
    targets,
    trained: [
      ...declared(config)
        .filter(({ name }) => isOwn(name))
        .map(({ name, shape, initializer }) => ({ name, shape, initial: initializer })),
      ...targets.flatMap((target) => formTensors('lora', target, plain)),
    ],
    trainsEncoder: () => false,
    encoder: (_index, graph) => graph,
    denoiser(graph) {
      const [, , height, width] = graph.inputs.find(({ attrs }) => attrs.name === 'sample')!.shape;
      const whole = controlNetGraph(config, { height: height!, width: width! });
      const changed = withLayers(whole, (layer) => {
        const target = byModule.get(layer.module);
        return target && adapted('lora', layer, target, plain, new Map());
      });
      return controlled(graph, onBase(changed));
    },
  };
}

function declared(config: ControlNetConfig): DeclaredParameter[] {
  const scope = new Scope(controlNetScope);
  controlNetGraph(config, { height: 64, width: 64 }, scope);
  return scope.declared();
}

/** What the base has no counterpart of. */
const isOwn = (name: string): boolean => name.startsWith(`${controlNetScope}.controlnet_`);
const isChanging = ({ name, shape }: DeclaredParameter): boolean =>
  !isOwn(name) && shape.length >= 2 && changing.test(name);

function targetOf({ name, shape }: DeclaredParameter, rank: number): Target {
  return { name: name.replace(/\.weight$/, ''), shape, rank, alpha: rank };
}

/** The copy on the base's own weights. */
function onBase(control: Graph): Graph {
  return mapGraph(control, (v, operands) => {
    const name = v.op === 'parameter' ? v.attrs.name : undefined;
    const isBase = name !== undefined && !isOwn(name) && !/\.lora_(up|down)\.weight$/.test(name);
    if (!isBase) return withInputs(v, operands);
    return parameter(unetScope + name.slice(controlNetScope.length), v.shape, v.dtype);
  });
}

/** The U-Net with the control network's residuals. */
function controlled(unet: Graph, control: Graph): Graph {
  return mapGraph(withResiduals(unet), (v, operands) => {
    const residual = v.op === 'input' ? control.outputs[v.attrs.name] : undefined;
    return residual ?? withInputs(v, operands);
  });
}
