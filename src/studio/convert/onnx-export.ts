/**
 * Writes a model's networks as ONNX files that any ONNX Runtime runs: a folder for each (`unet`, `vae_decoder`,
 * `vae_encoder`, `text_encoder`, ...) with `model.onnx` and its weights in `model.onnx_data`. Opset 21 and ONNX Runtime's
 * own operators (`com.microsoft`), which every build of it has; sizes are open.
 *
 * Inputs and outputs are those of `src/models/family.ts`: `sample`, `timestep`, `context` -> `prediction`, and so on.
 */

import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DType } from '#core/dtype';
import { UserError } from '#core/errors';
import { sizeOf } from '#core/tensor';
import { encodeModel } from '#formats/onnx-proto';
import { bytesOfForm, packValues } from '#formats/pack';
import { fixedShape } from '#graph/dim';
import type { Graph } from '#graph/value';
import { readWeight } from '#models/adapters/read-weight';
import type { LoadedCheckpoint } from '#models/load';
import { lowerGraph } from '#onnx/lower';
import { diskError } from '../files/disk-error.ts';
import { nodeModelFiles } from '../files/model-files.ts';
import type { WriteOptions, WriteResult } from './write.ts';

const forms = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
export type OnnxForm = keyof typeof forms;

const dataFile = 'model.onnx_data';

/** Undefined: it was stopped. @throws UserError `convert.exists`; DarkroomError `disk-full`, `disk.*` */
export async function exportOnnx(
  target: string,
  loaded: LoadedCheckpoint,
  form: OnnxForm,
  { signal, onProgress }: WriteOptions = {},
): Promise<WriteResult | undefined> {
  if (await stat(target).catch(() => undefined)) {
    throw new UserError('convert.exists', `${target} is there already; give the name of a new folder.`);
  }
  const temporary = `${target}.${process.pid}.partial`;
  const networks = networksOf(loaded);
  let bytes = 0;
  try {
    for (const [i, { name, graph }] of networks.entries()) {
      if (signal?.aborted) return undefined;
      bytes += await exportNetwork(path.join(temporary, name), graph, loaded, form);
      onProgress?.(i + 1, networks.length);
    }
    await rename(temporary, target);
    return { bytes, overflowed: [] };
  } catch (error) {
    throw diskError(error, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function networksOf({ parts, components }: LoadedCheckpoint): { name: string; graph: Graph }[] {
  const { autoencoder, denoiser, textEncoders } = parts;
  const all = [
    ...textEncoders.map((part) => ({ component: part.component, name: part.component, graph: () => part.graph() })),
    { component: denoiser.component, name: denoiser.component, graph: () => denoiser.graph() },
    {
      component: autoencoder.component,
      name: `${autoencoder.component}_decoder`,
      graph: () => autoencoder.decoderGraph(),
    },
    {
      component: autoencoder.component,
      name: `${autoencoder.component}_encoder`,
      graph: () => autoencoder.encoderGraph(),
    },
  ];
  return all
    .filter(({ component }) => components.includes(component))
    .map(({ name, graph }) => ({ name, graph: graph() }));
}

/** Returns the bytes written. */
async function exportNetwork(
  folder: string,
  graph: Graph,
  { weights }: LoadedCheckpoint,
  form: OnnxForm,
): Promise<number> {
  await mkdir(folder, { recursive: true });
  const data = path.join(folder, dataFile);
  const stored = forms[form];
  let offset = 0;
  const places = new Map(
    graph.parameters.map(({ attrs, shape }) => {
      const own = fixedShape(shape, attrs.name);
      const byteLength = bytesOfForm(stored, sizeOf(own));
      const place = { kind: 'file', path: data, offset, byteLength, dtype: form as DType, shape: own } as const;
      offset += byteLength;
      return [attrs.name, place] as const;
    }),
  );
  const { model } = lowerGraph(graph, { weights: { get: (name) => places.get(name) } });
  const handle = await open(data, 'w');
  try {
    for (const { attrs } of graph.parameters) {
      const { data: values } = await readWeight(nodeModelFiles, weights.get(attrs.name)!);
      await handle.writeFile(packValues(stored, values));
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  const encoded = encodeModel(model);
  await writeFile(path.join(folder, 'model.onnx'), encoded, { flush: true });
  return offset + encoded.length;
}
