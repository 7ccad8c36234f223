/** Control networks on tiny random models: ControlNet, Control-LoRA, T2I adapter, IP adapter and its vision encoder. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Backend, Feeds, WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import { branchFeeds, withSideBranches } from '#models/adapters/side-branch';
import { imageKeyName, imageValueName, withImagePrompts } from '#models/adjust/image-prompt';
import { residualName, withFeatures, withResiduals } from '#models/adjust/residuals';
import { clipVisionGraph, openClipVision } from '#models/clip/vision';
import { controlNetGraph } from '#models/control/controlnet';
import { ipAdapterGraph } from '#models/control/ip-adapter';
import { type ControlModel, openControl } from '#models/control/open';
import { t2iAdapterGraph } from '#models/control/t2i-adapter';
import { Fields } from '#models/fields';
import type { LoadedCheckpoint } from '#models/load';
import { type ModelFiles, openTensorFile } from '#models/tensor-file';
import { imagePromptFeeds } from '#pipelines/control/image-prompt';
import { type PipelineCase, runPipelineCase, vectorOf } from './pipeline-cases.ts';
import { type RowCheck, relativeError } from './row-check.ts';

export interface ControlFixture {
  readonly folder: string;
  readonly files: ModelFiles;
  readonly backend: Backend;
  readonly base: LoadedCheckpoint;
  readonly cases: readonly PipelineCase[];
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

type Answers = Record<string, HostTensor>;

/** Every case, once with each of the layouts in which the fixture's control files lie. */
export async function* checkControlCases(
  fixture: ControlFixture,
  layouts: readonly string[],
): AsyncGenerator<RowCheck> {
  for (const layout of layouts) {
    for (const row of fixture.cases) {
      if (!isOf(row, layout)) continue;
      const got = await answers(fixture, row, layout);
      for (const [role, tensor] of Object.entries(row.outputs)) {
        const want = fixture.tensors.get(tensor)!;
        const error = got[role] ? relativeError(toF32(got[role]), toF32(want)) : Number.POSITIVE_INFINITY;
        yield { name: `${layout} ${row.name} ${role}`, error, tolerance: row.rtol };
      }
    }
  }
}

/** Some cases are of one file alone, which they name, or whose kind their own name begins with. */
function isOf({ name, kind, params }: PipelineCase, layout: string): boolean {
  const stem = (params.file as string | undefined)?.replace(/\.[a-z]+$/, '');
  if (kind === 'txt2img_ip') return name.startsWith('plus_') === layout.includes('plus');
  return stem === undefined || kind === 'controlnet_sdxl' || layout.startsWith(`${stem}.`);
}

async function answers(fixture: ControlFixture, row: PipelineCase, layout: string): Promise<Answers> {
  const { tensors, base } = fixture;
  const given = (role: string): HostTensor => tensors.get(row.inputs[role]!)!;
  const scale = Number(row.params.scale ?? 1);
  switch (row.kind) {
    case 'controlnet':
    case 'unet_controlled':
    case 'controlnet_sdxl': {
      const residuals = await residualsOf(fixture, row, layout, given);
      const feeds = { ...unetFeeds(base, given), ...scaledFeeds(residuals, scale) };
      const named = Object.entries(residuals).map(([name, v]) => [goldenName(name), v] as const);
      return {
        ...Object.fromEntries(named),
        sample: (await runUNet(fixture, withResiduals, given, feeds)).prediction!,
      };
    }
    case 't2i_adapter':
      return Object.fromEntries(Object.entries(await featuresOf(fixture, layout, given('hint'))));
    case 'unet_t2i': {
      const features = await featuresOf(fixture, layout, given('hint'));
      const count = Object.keys(features).length;
      const feeds = { ...unetFeeds(base, given), ...scaledFeeds(features, scale) };
      return { sample: (await runUNet(fixture, (graph) => withFeatures(graph, count), given, feeds)).prediction! };
    }
    case 'unet':
      return { sample: (await runUNet(fixture, (graph) => graph, given, unetFeeds(base, given))).prediction! };
    case 'clip_vision': {
      const { embedding, states } = await seen(fixture, given('pixels'));
      return { image_embeds: embedding!, penultimate: states! };
    }
    case 'ip_image_proj':
      return await imagePrompt(fixture, layout, given('image'));
    case 'unet_ip': {
      const { keys } = await promptOfTokens(fixture, layout, given('tokens'));
      const feeds = { ...unetFeeds(base, given), ...scaledValues(keys, scale) };
      return { sample: (await runUNet(fixture, (graph) => withImagePrompts(graph, 1), given, feeds)).prediction! };
    }
    case 'txt2img_ip':
      return await pictureWithPrompt(fixture, row, layout, given);
    default:
      throw new Error(`no executor for control cases of kind ${row.kind}`);
  }
}

function goldenName(name: string): string {
  return name === residualName('middle') ? 'mid' : name.replace('residual_', 'down_');
}

async function openNamed<K extends ControlModel['kind']>(
  { files, folder, base }: ControlFixture,
  layout: string,
  kind: K,
): Promise<Extract<ControlModel, { kind: K }>> {
  const file = await openTensorFile(files, path.posix.join(folder, layout));
  const host = { unet: base.parts.denoiser.unet!, weights: base.weights, title: base.family.title };
  const model = await openControl(files, file, host);
  if (model.kind !== kind) throw new Error(`${layout} is a ${model.kind}, not a ${kind}`);
  return model as Extract<ControlModel, { kind: K }>;
}

async function residualsOf(
  fixture: ControlFixture,
  row: PipelineCase,
  layout: string,
  given: (role: string) => HostTensor,
): Promise<Answers> {
  const { config, weights, branches } = await openNamed(fixture, String(row.params.file ?? layout), 'controlnet');
  const graph = withSideBranches(controlNetGraph(config, latentOf(given)), new Set(branches.keys()));
  const feeds = { ...unetFeeds(fixture.base, given), hint: given('hint'), ...branchFeeds(graph, branches) };
  return await runOnce(fixture.backend, graph, weights, feeds);
}

async function featuresOf(fixture: ControlFixture, layout: string, hint: HostTensor): Promise<Answers> {
  const { config, weights } = await openNamed(fixture, layout, 't2i-adapter');
  const [, , height, width] = hint.shape as [number, number, number, number];
  return await runOnce(fixture.backend, t2iAdapterGraph(config, { height, width }), weights, { hint });
}

async function imagePrompt(fixture: ControlFixture, layout: string, image: HostTensor): Promise<Answers> {
  const { config, weights } = await openNamed(fixture, layout, 'ip-adapter');
  return await runOnce(fixture.backend, ipAdapterGraph(config, 0), weights, { image });
}

/** Keys and values from tokens that a case gives, by the adapter's own matrices. */
async function promptOfTokens(fixture: ControlFixture, layout: string, tokens: HostTensor) {
  const { config, weights } = await openNamed(fixture, layout, 'ip-adapter');
  const graph = ipAdapterGraph(config, 0);
  const keys: Answers = {};
  for (const [layer] of config.layers.entries()) {
    for (const [name, matrix] of [
      [imageKeyName(0, layer), 'to_k_ip'],
      [imageValueName(0, layer), 'to_v_ip'],
    ] as const) {
      const weight = graph.parameters.find(
        ({ attrs }) => attrs.name === `ip.ip_adapter.${2 * layer + 1}.${matrix}.weight`,
      )!;
      const stored = await valuesOf(fixture.files, weights, weight.attrs.name);
      keys[name] = times(tokens, stored, weight.shape as [number, number]);
    }
  }
  return { keys };
}

async function valuesOf(files: ModelFiles, weights: WeightSource, name: string): Promise<Float32Array> {
  const { readWeight } = await import('#models/adapters/read-weight');
  return (await readWeight(files, weights.get(name)!)).data;
}

/** tokens [b, n, in] times the transpose of [out, in]. */
function times(tokens: HostTensor, matrix: Float32Array, [out, inner]: readonly [number, number]): HostTensor {
  const rows = tokens.data.length / inner;
  const source = toF32(tokens);
  const data = new Float32Array(rows * out);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < out; o++) {
      let sum = 0;
      for (let i = 0; i < inner; i++) sum += source[r * inner + i]! * matrix[o * inner + i]!;
      data[r * out + o] = sum;
    }
  }
  return f32([tokens.shape[0]!, tokens.shape[1]!, out], data);
}

async function seen({ files, folder, backend }: ControlFixture, pixels: HostTensor): Promise<Answers> {
  const file = await openTensorFile(files, path.posix.join(folder, 'image_encoder/model.safetensors'));
  const settings = path.join(folder, 'image_encoder/config.json');
  const told = existsSync(settings) ? new Fields(JSON.parse(readFileSync(settings, 'utf8')), settings) : undefined;
  const { config, weights } = openClipVision(file, told);
  return await runOnce(backend, clipVisionGraph(config), weights, { pixels });
}

/** The whole way: encoder, tokens, keys and values, sampler. */
async function pictureWithPrompt(
  fixture: ControlFixture,
  row: PipelineCase,
  layout: string,
  given: (role: string) => HostTensor,
): Promise<Answers> {
  const { config, weights } = await openNamed(fixture, layout, 'ip-adapter');
  const reads = config.projection.kind === 'plain' ? 'embedding' : 'states';
  const pixels = given('pixels');
  const image = (await seen(fixture, pixels))[reads]!;
  const nothing =
    reads === 'states'
      ? (await seen(fixture, f32(pixels.shape, new Float32Array(pixels.data.length)))).states!
      : f32(image.shape, new Float32Array(image.data.length));
  const run = (of: HostTensor) => runOnce(fixture.backend, ipAdapterGraph(config, 0), weights, { image: of });
  const [positive, negative] = [await run(image), await run(nothing)];
  const scale = Number(row.params.scale);
  return await runPipelineCase(
    row,
    fixture.base,
    fixture.backend,
    (role) => fixture.tensors.get(row.inputs[role] ?? ''),
    {
      adjust: (graph) => withImagePrompts(graph, 1),
      control: {
        feeds: ({ passes, images }) =>
          Promise.resolve(
            imagePromptFeeds(0, config.layers.length, { positive, negative }, passes, images, () => scale),
          ),
      },
    },
  );
}

function unetFeeds(base: LoadedCheckpoint, given: (role: string) => HostTensor): Feeds {
  const t = given('timestep');
  return {
    sample: given('sample'),
    timestep: f32(t.shape, Float32Array.from(t.data, Number)),
    context: given('context'),
    ...vectorOf(base, (role) => (role === 'text_embeds' || role === 'time_ids' ? given(role) : undefined)),
  };
}

const latentOf = (given: (role: string) => HostTensor): { height: number; width: number } => {
  const [, , height, width] = given('sample').shape as [number, number, number, number];
  return { height, width };
};

async function runUNet(
  { base, backend }: ControlFixture,
  adjust: (graph: Graph) => Graph,
  given: (role: string) => HostTensor,
  feeds: Feeds,
): Promise<Answers> {
  return await runOnce(backend, adjust(base.parts.denoiser.graph(latentOf(given))), base.weights, feeds);
}

async function runOnce(backend: Backend, graph: Graph, weights: WeightSource, feeds: Feeds): Promise<Answers> {
  const session = await backend.compile(graph, { weights });
  try {
    const names = new Set(graph.inputs.map(({ attrs }) => attrs.name));
    return await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name))));
  } finally {
    await session.dispose();
  }
}

function scaledFeeds(feeds: Answers, scale: number): Answers {
  const scaled = ({ shape, data }: HostTensor) =>
    f32(
      shape,
      Float32Array.from(data as Float32Array, (v) => v * scale),
    );
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, scaled(tensor)]));
}

function scaledValues(keys: Answers, scale: number): Answers {
  const values = Object.fromEntries(Object.entries(keys).filter(([name]) => name.startsWith('image_value')));
  return { ...keys, ...scaledFeeds(values, scale) };
}
