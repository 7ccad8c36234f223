/** Adapters on a tiny SD1: the outputs of the changed networks, as side branches where those can be, else merged. */

import { f32, type HostTensor, i64, toF32 } from '#core/tensor';
import type { Backend, WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import { type CombinedAdapters, combineAdapters } from '#models/adapters/combine';
import { mergedWeights } from '#models/adapters/merge';
import { moduleNames } from '#models/adapters/modules';
import { openAdapter } from '#models/adapters/open';
import { branchFeeds, withSideBranches } from '#models/adapters/side-branch';
import { strengthFeeds, withHypernetworks, withHypernetworkWeights } from '#models/hypernetworks/apply';
import { readHypernetwork } from '#models/hypernetworks/read';
import type { LoadedCheckpoint } from '#models/load';
import { type ModelFiles, openTensorFile } from '#models/tensor-file';
import { type RowCheck, relativeError } from './row-check.ts';

export interface AdapterCase {
  readonly name: string;
  readonly kind: string;
  readonly params: {
    readonly file?: string;
    readonly multiplier?: number;
    readonly strength?: number;
    readonly modules?: number;
  };
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly rtol: number;
}

interface Given {
  readonly files: ModelFiles;
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly vector: Record<string, HostTensor>;
}

/** One row a network of a case of kind `no_adapter`, `adapter` or `hypernetwork`; `vector`: what SDXL's U-Net reads besides. */
export async function* checkAdapterCase(
  row: AdapterCase,
  model: LoadedCheckpoint,
  backend: Backend,
  { files, folder, tensors, vector }: Given,
): AsyncGenerator<RowCheck> {
  const combined = await combinedOf(row, model, files, folder);
  const given = (role: string): HostTensor => tensors.get(row.inputs[role]!)!;
  const run = (graph: Graph, feeds: Record<string, HostTensor>) =>
    adapted(graph, feeds, { model, backend, files, combined });
  const t = given('timestep');
  const timestep = f32(t.shape, Float32Array.from(t.data, Number));
  const { denoiser, textEncoders } = model.parts;
  const unet = { sample: given('sample'), timestep, context: given('context'), ...vector };
  const got: Record<string, HostTensor> = { unet: (await run(denoiser.graph(), unet)).prediction! };
  for (const [i, part] of textEncoders.entries()) {
    if (row.kind === 'hypernetwork') break;
    const ids = given(textEncoders.length > 1 ? `ids_${i + 1}` : 'ids');
    const { context, pooled } = await run(part.graph(), { ids: i64(ids.shape, Array.from(ids.data, Number)) });
    const name = textEncoders.length > 1 ? `te${i + 1}_penultimate` : 'text';
    Object.assign(got, { [name]: context, [`te${i + 1}_pooled`]: pooled });
  }
  for (const [role, tensor] of Object.entries(row.outputs)) {
    const error = relativeError(toF32(got[role]!), toF32(tensors.get(tensor)!));
    yield { name: `${row.name} ${role}`, error, tolerance: row.rtol };
  }
}

async function combinedOf(
  { kind, params: { file, multiplier = 1, strength = 1, modules } }: AdapterCase,
  model: LoadedCheckpoint,
  files: ModelFiles,
  folder: string,
): Promise<CombinedAdapters> {
  if (file === undefined) return combineAdapters([]);
  if (kind === 'hypernetwork') {
    const network = await readHypernetwork(files, await openTensorFile(files, `${folder}/${file}`), file);
    return combineAdapters([], [{ network, strength }]);
  }
  const about = { id: file, title: model.family.title };
  const names = moduleNames(model.family, model.config);
  const adapter = await openAdapter(files, await openTensorFile(files, `${folder}/${file}`), names, about);
  // SDXL does not run its first encoder's last layer, of which six modules are adapted.
  const notRun = model.parts.textEncoders.length > 1 ? 6 : 0;
  if (adapter.changes.length + notRun !== modules)
    throw new Error(`${file}: ${adapter.changes.length} modules, not ${modules}`);
  return combineAdapters([{ adapter, strength: () => multiplier }]);
}

interface Run {
  readonly model: LoadedCheckpoint;
  readonly backend: Backend;
  readonly files: ModelFiles;
  readonly combined: CombinedAdapters;
}

async function adapted(
  graph: Graph,
  feeds: Record<string, HostTensor>,
  { model, backend, files, combined }: Run,
): Promise<Record<string, HostTensor>> {
  const { hypernetworks, branches } = combined;
  const branched = withSideBranches(withHypernetworks(graph, hypernetworks), new Set(branches.keys()));
  let weights: WeightSource = model.weights;
  for (const component of model.components) weights = await mergedWeights(files, weights, combined, component);
  const session = await backend.compile(branched, { weights: withHypernetworkWeights(weights, hypernetworks) });
  try {
    const more = { ...branchFeeds(branched, branches), ...strengthFeeds(branched, hypernetworks) };
    return await session.run({ ...feeds, ...more });
  } finally {
    await session.dispose();
  }
}
