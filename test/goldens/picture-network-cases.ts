/** Networks on pictures of their own: upscalers and tiny autoencoders, each from every file that a fixture names. */

import path from 'node:path';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Backend, WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import { openTaesd } from '#models/taesd/open';
import type { ModelFiles } from '#models/tensor-file';
import { openUpscaler } from '#models/upscalers/index';
import { upscalerGraph } from '#models/upscalers/upscaler';
import { type RowCheck, relativeError } from './row-check.ts';

export interface NetworkCase {
  readonly name: string;
  readonly kind: string;
  readonly params: { readonly files?: readonly string[]; readonly weights?: string };
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly rtol: number;
}

interface Given {
  readonly backend: Backend;
  readonly files: ModelFiles;
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** The upscalers that come with Darkroom, converted from the npm package. */
const ownUpscalers = path.resolve(import.meta.dirname, '../../models/upscalers');

export async function* checkUpscalerCase(row: NetworkCase, given: Given): AsyncGenerator<RowCheck> {
  const npm = row.kind === 'upscaler_npm';
  const image = toF32(given.tensors.get(row.inputs.image!)!);
  const { shape } = given.tensors.get(row.inputs.image!)!;
  const want = given.tensors.get(row.outputs.image!)!;
  const scaled = npm ? image.map((v) => v / 255) : image;
  const paths = npm
    ? [path.join(ownUpscalers, `esrgan-medium-${path.basename(row.params.weights!)}.safetensors`)]
    : row.params.files!.map((name) => path.join(given.folder, name));
  for (const file of paths) {
    const { network, weights } = await openUpscaler(given.files, file.split(path.sep).join('/'));
    for (const size of [undefined, { height: shape[2]!, width: shape[3]! }]) {
      const got = await runOnce(given.backend, upscalerGraph(network, { size }), weights, {
        image: f32(shape, scaled),
      });
      const values = npm ? got.image!.map((v) => v * 255) : got.image!;
      const name = `${row.name} ${path.basename(file)}${size ? ' fixed' : ''}`;
      yield { name, error: relativeError(values, toF32(want)), tolerance: row.rtol };
    }
  }
}

/** `half_files`: those of one half each, beside the one with both. */
export async function* checkTaesdCase(
  row: NetworkCase,
  given: Given,
  halves: Readonly<Record<'encoder' | 'decoder', readonly string[]>>,
): AsyncGenerator<RowCheck> {
  const half = row.kind === 'taesd_encode' ? 'encoder' : 'decoder';
  const [from, to] = half === 'encoder' ? (['image', 'latent'] as const) : (['latent', 'image'] as const);
  const input = given.tensors.get(row.inputs[from]!)!;
  const want = toF32(given.tensors.get(row.outputs[to]!)!);
  for (const name of ['diffusion_pytorch_model.safetensors', ...halves[half]]) {
    const opened = (await openTaesd(given.files, `${given.folder.split(path.sep).join('/')}/${name}`))[half]!;
    const got = await runOnce(given.backend, opened.graph(), opened.weights, { [from]: input });
    const values = got[half === 'encoder' ? 'mean' : 'image']!;
    yield { name: `${row.name} ${name}`, error: relativeError(values, want), tolerance: row.rtol };
  }
}

async function runOnce(
  backend: Backend,
  graph: Graph,
  weights: WeightSource,
  feeds: Record<string, HostTensor>,
): Promise<Record<string, Float32Array>> {
  const session = await backend.compile(graph, { weights });
  try {
    const outputs = await session.run(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, toF32(tensor)]));
  } finally {
    await session.dispose();
  }
}
