/** A model's own parameters that learn: full fine-tuning and Dreambooth. */

import type { ReadParameter, TrainedModel, TrainedNetworks, TrainedParameter } from './trained-networks.ts';

export interface WholeOptions {
  readonly trainsDenoiser: boolean;
  readonly trainsText: boolean;
}

/** Parameters start as those of the model. */
export async function wholeNetworks(
  { family, config, parts }: TrainedModel,
  { trainsDenoiser, trainsText }: WholeOptions,
  read: ReadParameter,
): Promise<TrainedNetworks> {
  const components = new Set([
    ...(trainsDenoiser ? [parts.denoiser.component] : []),
    ...(trainsText ? parts.textEncoders.map(({ component }) => component) : []),
  ]);
  const trained: TrainedParameter[] = [];
  for (const { name, shape } of family.parameters(config)) {
    if (!components.has(name.slice(0, name.indexOf('.')))) continue;
    trained.push({ name, shape, initial: { kind: 'values', values: await read(name) } });
  }
  return {
    trained,
    trainsEncoder: () => trainsText,
    encoder: (_index, graph) => graph,
    denoiser: (graph) => graph,
  };
}
