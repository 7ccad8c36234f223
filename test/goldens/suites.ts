/**
 * What the goldens runner can check: one row a fixture file, in the layout of `test/goldens/data`. A fixture of an engine
 * part that does not exist yet is named as skipped; a file that no row knows is too.
 */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { HostTensor } from '#core/tensor';
import { f32, i64, toF32 } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { bytesSource } from '#formats/byte-source';
import { readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import { interpret } from '#graph/interpret';
import type { Graph } from '#graph/value';
import { withFreeU } from '#models/adjust/free-u';
import { unetFromDiffusers } from '#models/diffusers-config';
import { families } from '#models/families';
import type { ModelFamily } from '#models/family';
import { Fields } from '#models/fields';
import type { LdmConfig } from '#models/ldm/parts';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { scaledLatent, unscaledLatent } from '#models/taesd/network';
import type { ModelFiles } from '#models/tensor-file';
import { unetScope } from '#models/unet/network';
import { type AdapterCase, checkAdapterCase } from './adapter-rows.ts';
import { type AutogradRow, autogradCase } from './autograd-cases.ts';
import { checkControlCases } from './control-rows.ts';
import { checkEmbeddingCase, type EmbeddingCase } from './embedding-rows.ts';
import { checkCheckpointFiles, checkControlNetKeys, checkKeys, checkSafetensorsFiles } from './file-rows.ts';
import { checkMethodCase, type MethodCase } from './method-rows.ts';
import { checkNoiseAndGuidance } from './noise-guidance-rows.ts';
import { checkTaesdCase, checkUpscalerCase, type NetworkCase } from './picture-network-cases.ts';
import { pictureChecks } from './picture-rows.ts';
import { type PipelineCase, pipelineKinds, runHandOverCase, runPipelineCase, vectorOf } from './pipeline-cases.ts';
import { checkInfotext, checkPrompts, checkTokenizer } from './prompt-rows.ts';
import { checkQuantised } from './quantised-rows.ts';
import { checkRng } from './rng-rows.ts';
import { absoluteError, type RowCheck, relativeError } from './row-check.ts';
import { checkSamplers } from './sampler-rows.ts';
import { checkSchedules } from './schedule-rows.ts';
import { trainingSuites } from './training-cases.ts';

export type Outcome = RowCheck | { readonly name: string; readonly skipped: string };

export interface Suite {
  /** Path of the fixture below the goldens' folder, with `/`. */
  readonly fixture: string;
  run(file: string, backend: Backend): AsyncGenerator<Outcome> | Generator<Outcome> | readonly Outcome[];
}

const json = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

const keys = (name: string): Suite => ({ fixture: `models/keys/${name}.single.json`, run: checkKeys });

export const suites: readonly Suite[] = [
  { fixture: 'numeric/rng.json', run: (file) => checkRng(json(file)) },
  { fixture: 'numeric/schedules.json', run: (file) => checkSchedules(json(file)) },
  { fixture: 'numeric/samplers.json', run: (file) => checkSamplers(json(file)) },
  { fixture: 'numeric/images.json', run: checkImages },
  { fixture: 'numeric/training.json', run: checkTraining },
  { fixture: 'numeric/tokenizer.json', run: (file) => checkTokenizer(json(file)) },
  { fixture: 'numeric/prompts.json', run: (file) => checkPrompts(json(file)) },
  { fixture: 'numeric/infotext.json', run: (file) => checkInfotext(json(file)) },
  { fixture: 'models/tiny-sd1/cases.json', run: (file, backend) => checkModel(file, backend, false) },
  { fixture: 'models/guidance/cases.json', run: (file, backend) => checkModel(file, backend, false) },
  { fixture: 'models/tiny-inpaint/cases.json', run: (file, backend) => checkModel(file, backend, true) },
  { fixture: 'models/tiny-pix2pix/cases.json', run: (file, backend) => checkModel(file, backend, true) },
  { fixture: 'models/tiny-sd2/cases.json', run: (file, backend) => checkModel(file, backend, false) },
  { fixture: 'models/tiny-sdxl/cases.json', run: (file, backend) => checkModel(file, backend, false) },
  { fixture: 'models/tiny-sdxl-inpaint/cases.json', run: (file, backend) => checkModel(file, backend, true) },
  { fixture: 'models/tiny-sdxl-refiner/cases.json', run: (file, backend) => checkModel(file, backend, true) },
  { fixture: 'models/tiny-controlnet/cases.json', run: checkControl },
  { fixture: 'models/tiny-controlnet-xl/cases.json', run: checkControl },
  { fixture: 'models/tiny-t2i-adapter/cases.json', run: checkControl },
  { fixture: 'models/tiny-ip-adapter/cases.json', run: checkControl },
  { fixture: 'models/adapters/cases.json', run: checkAdapters },
  { fixture: 'models/upscalers/cases.json', run: checkPictureNetworks },
  { fixture: 'models/tiny-taesd/cases.json', run: checkPictureNetworks },
  { fixture: 'models/quantised/cases.json', run: (file, backend) => checkQuantised(file, backend) },
  { fixture: 'training-methods/cases.json', run: checkMethods },
  { fixture: 'models/ckpt/manifest.json', run: checkCheckpointFiles },
  { fixture: 'models/ckpt/safetensors/manifest.json', run: checkSafetensorsFiles },
  keys('sd15'),
  keys('sd15-inpaint'),
  keys('vae'),
  keys('sd21-v'),
  keys('sdxl-base'),
  { fixture: 'models/keys/controlnet-sd15.single.json', run: checkControlNetKeys },
];

function* checkImages(file: string): Generator<Outcome> {
  yield* checkNoiseAndGuidance(json(file));
  yield* pictureChecks(json(file));
}

async function* checkTraining(file: string, backend: Backend): AsyncGenerator<Outcome> {
  const rows = json<{ autograd: AutogradRow[] } & Parameters<(typeof trainingSuites)[number]['rows']>[0]>(file);
  for (const row of rows.autograd) yield* checkAutograd(row, backend);
  for (const suite of trainingSuites) {
    for (const row of suite.rows(rows)) yield* await row.run(backend);
  }
}

/** In float64 by the interpreter, in float32 by the backend. */
async function* checkAutograd(row: AutogradRow, backend: Backend): AsyncGenerator<Outcome> {
  for (const [dtype, tolerance] of [
    ['f64', 1e-9],
    ['f32', 1e-4],
  ] as const) {
    const { name, graph, feeds, expected } = autogradCase(row, dtype);
    const got = dtype === 'f64' ? interpret(graph, feeds) : await runOnce(backend, graph, feeds);
    for (const [output, want] of Object.entries(expected)) {
      const values = Array.from(got[output]!.data as ArrayLike<number | bigint>, Number);
      yield { name: `${name} ${dtype} ${output}`, error: relativeError(values, want.data), tolerance };
    }
  }
}

async function runOnce(
  backend: Backend,
  graph: Graph,
  feeds: Readonly<Record<string, HostTensor>>,
  model?: LoadedCheckpoint,
): Promise<Record<string, HostTensor>> {
  const session = await backend.compile(graph, model ? { weights: model.weights } : {});
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}

export const modelFiles: ModelFiles = {
  exists: async (file) => existsSync(file),
  readText: async (file) => readFileSync(file, 'utf8'),
  source: async (file) => bytesSource(file, readFileSync(file)),
};

/** Components and end-to-end cases, from the folder and from the single file that the fixture names. */
async function* checkModel(file: string, backend: Backend, partial: boolean): AsyncGenerator<Outcome> {
  const folder = path.dirname(file);
  const { model: about, cases } = json<{ model: { folder?: string; single_file?: string }; cases: PipelineCase[] }>(
    file,
  );
  const tensors = await readTensors(path.join(folder, 'cases.safetensors'));
  const own = about.folder === undefined ? folder : path.join(folder, about.folder);
  const whole = existsSync(path.join(own, 'unet', 'diffusion_pytorch_model.safetensors')) ? [own] : [];
  const layouts = [...whole, ...(about.single_file === undefined ? [] : [path.join(folder, about.single_file)])];
  for (const layout of layouts) {
    const known = partial ? unetAlone(path.join(own, 'unet', 'config.json')) : families;
    const model = await loadCheckpoint(modelFiles, layout.split(path.sep).join('/'), { partial, families: known });
    for (const testCase of cases) {
      if (testCase.kind === 'base_and_refiner' && layout !== layouts[0]) continue;
      const given = (role: string): HostTensor | undefined => tensors.get(testCase.inputs[role] ?? '');
      const name = `${path.basename(layout)} ${testCase.name}`;
      const got =
        testCase.kind === 'base_and_refiner'
          ? await runHandOverCase(testCase, { base: await sdxlBeside(folder), refiner: model }, backend, given)
          : await answerCase(testCase, model, backend, given);
      if (!got) yield { name, skipped: `no executor for cases of kind ${testCase.kind}` };
      else {
        for (const [role, tensor] of Object.entries(testCase.outputs)) {
          if (!got[role]) continue;
          const error = relativeError(toF32(got[role]), toF32(tensors.get(tensor)!));
          yield { name: `${name} ${role}`, error, tolerance: testCase.rtol };
        }
      }
    }
  }
}

/** The base of the refiner's fixture. */
function sdxlBeside(folder: string): Promise<LoadedCheckpoint> {
  return loadCheckpoint(modelFiles, `${folder.split(path.sep).join('/')}/../tiny-sdxl/tiny-sdxl.safetensors`);
}

/** Families that look for a U-Net only, with the heads that the config beside a single file tells. */
export function unetAlone(configFile: string): ModelFamily[] {
  const heads = existsSync(configFile) ? unetFromDiffusers(new Fields(json(configFile), configFile)).heads : undefined;
  return families.map((family) => ({
    ...family,
    components: family.components.filter(({ component }) => component === unetScope),
    configOfSingleFile(components, hints) {
      const config = family.configOfSingleFile(components, hints) as LdmConfig;
      return { ...config, unet: { ...config.unet, heads: heads ?? config.unet.heads } };
    },
  }));
}

interface ControlModels {
  readonly folder: string;
  readonly base: string;
  readonly single_file?: string;
  readonly base_config?: string;
  readonly original?: readonly string[];
  readonly files?: readonly string[];
}

/** In every layout that the fixture has: diffusers' folder, original names, pickles. */
async function* checkControl(file: string, backend: Backend): AsyncGenerator<Outcome> {
  const folder = path.dirname(file);
  const { model: about, cases } = json<{ model: ControlModels; cases: PipelineCase[] }>(file);
  const { base_config: config, single_file: single, original = [], files = [] } = about;
  const known = config === undefined ? families : unetAlone(path.join(folder, config));
  const base = path.join(folder, about.base).split(path.sep).join('/');
  const model = await loadCheckpoint(modelFiles, base, { partial: config !== undefined, families: known });
  const tensors = await readTensors(path.join(folder, 'cases.safetensors'));
  const diffusers = 'diffusion_pytorch_model.safetensors';
  const whole = existsSync(path.join(folder, diffusers)) ? [diffusers] : [];
  const layouts = [...whole, ...(single === undefined ? [] : [single]), ...original, ...files];
  const at = folder.split(path.sep).join('/');
  yield* checkControlCases({ folder: at, files: modelFiles, backend, base: model, cases, tensors }, layouts);
}

async function* checkAdapters(file: string, backend: Backend): AsyncGenerator<Outcome> {
  const folder = path.dirname(file);
  const { model: about, cases } = json<{ model: { base: string; xl_base: string }; cases: AdapterCase[] }>(file);
  const tensors = await readTensors(path.join(folder, 'cases.safetensors'));
  const open = (base: string) => loadCheckpoint(modelFiles, path.join(folder, base).split(path.sep).join('/'));
  const model = await open(about.base);
  const xl = await open(`${about.xl_base}/tiny-sdxl.safetensors`);
  for (const row of cases) {
    const own = row.kind.endsWith('sdxl') ? xl : model;
    if (row.kind.startsWith('textual_inversion')) {
      yield* checkEmbeddingCase(row as unknown as EmbeddingCase, own, backend, { files: modelFiles, folder, tensors });
    } else {
      const given = (role: string): HostTensor | undefined => tensors.get(row.inputs[role] ?? '');
      const vector = vectorOf(own, given);
      yield* checkAdapterCase(row, own, backend, { files: modelFiles, folder, tensors, vector });
    }
  }
}

async function* checkPictureNetworks(file: string, backend: Backend): AsyncGenerator<Outcome> {
  const folder = path.dirname(file);
  const { model, cases } = json<{
    model: { encoder_files?: string[]; decoder_files?: string[] };
    cases: NetworkCase[];
  }>(file);
  const given = {
    backend,
    files: modelFiles,
    folder,
    tensors: await readTensors(path.join(folder, 'cases.safetensors')),
  };
  for (const row of cases) {
    if (row.kind.startsWith('upscaler')) yield* checkUpscalerCase(row, given);
    else if (row.kind === 'taesd_store') yield* checkStoredLatent(row, given.tensors);
    else yield* checkTaesdCase(row, given, { encoder: model.encoder_files ?? [], decoder: model.decoder_files ?? [] });
  }
}

function* checkStoredLatent(row: NetworkCase, tensors: ReadonlyMap<string, HostTensor>): Generator<Outcome> {
  const of = (name: string | undefined): number[] => Array.from(tensors.get(name ?? '')!.data, Number);
  const scaled = scaledLatent(of(row.inputs.latent));
  const bytes = scaled.map((v) => Math.round(v * 255));
  yield { name: `${row.name} scaled`, error: relativeError(scaled, of(row.outputs.scaled)), tolerance: row.rtol };
  yield { name: `${row.name} bytes`, error: absoluteError(bytes, of(row.outputs.bytes)), tolerance: 0 };
  const back = relativeError(unscaledLatent(scaled), of(row.outputs.unscaled));
  yield { name: `${row.name} unscaled`, error: back, tolerance: row.rtol };
}

async function* checkMethods(file: string, backend: Backend): AsyncGenerator<Outcome> {
  const folder = path.dirname(file);
  const { model: about, cases } = json<{ model: { models: Record<string, string> }; cases: MethodCase[] }>(file);
  const tensors = await readTensors(path.join(folder, 'cases.safetensors'));
  const open = (name: string) => {
    const own = path.join(folder, about.models[name]!);
    return loadCheckpoint(
      modelFiles,
      path
        .join(own, `${path.basename(own)}.safetensors`)
        .split(path.sep)
        .join('/'),
    );
  };
  const [model, xl] = [await open('sd1'), await open('sdxl')];
  for (const row of cases) {
    const { start } = row.params;
    yield* checkMethodCase(row, {
      model: row.name.startsWith('sdxl') ? xl : model,
      backend,
      files: modelFiles,
      tensors,
      start: start === undefined ? new Map() : await readTensors(path.join(folder, start)),
    });
  }
}

async function readTensors(file: string): Promise<Map<string, HostTensor>> {
  const source = bytesSource(file, readFileSync(file));
  const { tensors } = await readSafetensorsHeader(source);
  const read = [...tensors].map(async ([name, entry]) => [name, await readFileTensor(source, entry)] as const);
  return new Map(await Promise.all(read));
}

async function answerCase(
  testCase: PipelineCase,
  model: LoadedCheckpoint,
  backend: Backend,
  given: (role: string) => HostTensor | undefined,
): Promise<Record<string, HostTensor> | undefined> {
  const { textEncoders, denoiser, autoencoder } = model.parts;
  const run = (graph: Graph, feeds: Record<string, HostTensor>): Promise<Record<string, HostTensor>> =>
    runOnce(backend, graph, feeds, model);
  switch (testCase.kind) {
    case 'text_encoder': {
      const ids = given('ids')!;
      const feeds = { ids: i64(ids.shape, Array.from(ids.data, Number)) };
      const part = textEncoders[testCase.name.startsWith('te2') ? 1 : 0]!;
      const { context, pooled } = await run(part.graph(), feeds);
      // What a case tells beyond the context that the family takes is not asked of it.
      if (Object.hasOwn(testCase.outputs, 'clip_skip_2')) {
        return { last_hidden_state: context!, clip_skip_2: (await run(part.graph({ clipSkip: 2 }), feeds)).context! };
      }
      return {
        [testCase.name.startsWith('te') && textEncoders.length > 1 ? 'penultimate' : 'last_hidden_state']: context!,
        ...(pooled && { pooled }),
      };
    }
    case 'unet': {
      const t = given('timestep')!;
      const timestep = f32(t.shape, Float32Array.from(t.data, Number));
      const feeds = { sample: given('sample')!, timestep, context: given('context')!, ...vectorOf(model, given) };
      const [, , height, width] = given('sample')!.shape as [number, number, number, number];
      const { b1, b2, s1, s2 } = testCase.params as Partial<Record<'b1' | 'b2' | 's1' | 's2', number>>;
      const freeU = b1 !== undefined && { b1, b2: b2!, s1: s1!, s2: s2! };
      const graph = freeU ? withFreeU(denoiser.graph({ height, width }), freeU) : denoiser.graph();
      return { sample: (await run(graph, feeds)).prediction! };
    }
    case 'vae_encode':
      return run(autoencoder.encoderGraph(), { image: given('image')! });
    case 'vae_decode':
      return run(autoencoder.decoderGraph(), { latent: given('latent')! });
    default:
      if (!(pipelineKinds as readonly string[]).includes(testCase.kind)) return undefined;
      return runPipelineCase(testCase, model, backend, given);
  }
}
