/** Text to picture, picture to picture and inpainting on tiny random models, the latent after every step. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { type HostTensor, toF32 } from '#core/tensor';
import { bytesSource } from '#formats/byte-source';
import { readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import { withHiddenTokens } from '#models/clip/hidden-tokens';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import type { ModelFiles } from '#models/tensor-file';
import { encodeText } from '#pipelines/conditioning';
import type { LoadedTextEncoder } from '#pipelines/encode-chunks';
import { relativeError } from './autograd-cases.ts';
import { type PipelineCase, pipelineKinds, runPipelineCase } from './pipeline-cases.ts';

const files: ModelFiles = {
  exists: async (path) => existsSync(path),
  readText: async (path) => readFileSync(path, 'utf8'),
  source: async (path) => bytesSource(path, readFileSync(path)),
};

const fixture = (path: string): string => fileURLToPath(new URL(`./data/models/${path}`, import.meta.url));

function casesOf(folder: string): readonly PipelineCase[] {
  const { cases } = JSON.parse(readFileSync(fixture(`${folder}/cases.json`), 'utf8')) as { cases: PipelineCase[] };
  return cases.filter(({ kind }) => (pipelineKinds as readonly string[]).includes(kind));
}

async function tensorsOf(folder: string): Promise<Map<string, HostTensor>> {
  const source = await files.source(fixture(`${folder}/cases.safetensors`));
  const { tensors } = await readSafetensorsHeader(source);
  const read = [...tensors].map(async ([name, entry]) => [name, await readFileTensor(source, entry)] as const);
  return new Map(await Promise.all(read));
}

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

describe.each([
  { folder: 'tiny-sd1', model: 'tiny-sd1', count: 5, partial: false },
  { folder: 'tiny-inpaint', model: 'tiny-inpaint', count: 1, partial: true },
  { folder: 'guidance', model: 'tiny-sd1', count: 4, partial: false },
])('$folder', ({ folder, model: modelFolder, count, partial }) => {
  const cases = casesOf(folder);
  let model: LoadedCheckpoint;
  let tensors: Map<string, HostTensor>;

  beforeAll(async () => {
    model = await loadCheckpoint(files, fixture(modelFolder), { partial });
    tensors = await tensorsOf(folder);
  });

  it('has its cases', () => expect(cases.length).toBe(count));

  it.each(cases.map((c) => [c.name, c] as const))('%s', async (_, testCase) => {
    const given = (role: string): HostTensor | undefined => tensors.get(testCase.inputs[role] ?? '');
    const got = await runPipelineCase(testCase, model, backend, given);
    for (const [role, name] of Object.entries(testCase.outputs)) {
      const want = tensors.get(name)!;
      expect(got[role]!.shape, role).toEqual(want.shape);
      const error = relativeError(toF32(got[role]!), toF32(want));
      expect(error, `${role}: largest error ${error}`).toBeLessThanOrEqual(testCase.rtol);
    }
  });
});

it('encodes the prompts of the cases to their contexts', async () => {
  const model = await loadCheckpoint(files, fixture('tiny-sd1'));
  const tensors = await tensorsOf('tiny-sd1');
  const [part] = model.parts.textEncoders;
  const session = await backend.compile(part!.graph(), { weights: model.weights });
  const options = {
    encoders: [{ part: part!, session }],
    emphasis: 'Original' as const,
  };
  for (const { name, params, inputs, rtol } of casesOf('tiny-sd1')) {
    for (const [role, prompt] of [
      ['cond', params.prompt],
      ['uncond', params.negative_prompt],
    ] as const) {
      const { data } = await encodeText(String(prompt), options);
      const error = relativeError(data, toF32(tensors.get(inputs[role]!)!));
      expect(error, `${name} ${role}: ${error}`).toBeLessThanOrEqual(rtol);
    }
  }
});

it('weighs words as compel does', async () => {
  const model = await loadCheckpoint(files, fixture('tiny-sd1'));
  const [part] = model.parts.textEncoders;
  const graph = withHiddenTokens(part!.graph());
  const session = await backend.compile(graph, { weights: model.weights });
  const { states } = JSON.parse(readFileSync(fixture('../reference/compel.json'), 'utf8')) as {
    states: { prompt: string; tokens: number; rows: Record<string, number[]> }[];
  };
  for (const { prompt, tokens, rows } of states) {
    const context = await encodeText(prompt, { encoders: [{ part: part!, session }], emphasis: 'compel' });
    expect(context.tokens, prompt).toBe(tokens);
    for (const [row, want] of Object.entries(rows)) {
      const got = context.data.subarray(Number(row) * want.length, (Number(row) + 1) * want.length);
      expect(relativeError(got, Float32Array.from(want)), `${prompt}, row ${row}`).toBeLessThanOrEqual(2e-4);
    }
  }
});

it('weighs words as compel does in both encoders of SDXL', async () => {
  const model = await loadCheckpoint(files, fixture('tiny-sdxl/tiny-sdxl.safetensors'));
  const encoders: LoadedTextEncoder[] = [];
  for (const part of model.parts.textEncoders) {
    const graph = withHiddenTokens(part.graph());
    encoders.push({ part, session: await backend.compile(graph, { weights: model.weights }) });
  }
  const encode = (text: string, emphasis: 'compel' | 'None') => encodeText(text, { encoders, emphasis });
  const [weighed, plain, empty] = [
    await encode('a (red)1.5 cat', 'compel'),
    await encode('a red cat', 'None'),
    await encode('', 'None'),
  ];
  const width = plain.data.length / plain.tokens;
  // The word at its place moves along the line from the empty prompt, in all of both encoders' states; nothing else does.
  const want = plain.data.map((value, i) => {
    return Math.floor(i / width) === 2 ? empty.data[i]! + 1.5 * (value - empty.data[i]!) : value;
  });
  expect(relativeError(weighed.data, want)).toBeLessThan(1e-5);
  expect(relativeError(plain.data, want)).toBeGreaterThan(0.01);
  expect(Object.keys(weighed.pooled)).toEqual(Object.keys(plain.pooled));
  for (const [name, vector] of Object.entries(plain.pooled)) {
    expect(relativeError(weighed.pooled[name]!, vector)).toBeLessThan(1e-5);
  }
  // Words below 1 are mixed with the prompt in which no token looks at them, in each encoder by itself.
  const hidden = await encode('a (red)0.5 cat', 'compel');
  for (const encoder of encoders) {
    const alone = await encodeText('a (red)0.5 cat', { encoders: [encoder], emphasis: 'compel' });
    const own = alone.data.length / alone.tokens;
    const from = encoder === encoders[0] ? 0 : width - own;
    const half = hidden.data.filter((_, i) => i % width >= from && i % width < from + own);
    expect(relativeError(half, alone.data)).toBe(0);
  }
  for (const { session } of encoders) await session.dispose();
});
