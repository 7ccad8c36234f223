/** The networks of SD1 on tiny random models: every component against its answers, from both file layouts. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, type HostTensor, i64 } from '#core/tensor';
import type { Feeds, Session } from '#engine/backend';
import { bytesSource } from '#formats/byte-source';
import { readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import type { Graph } from '#graph/value';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import type { ModelFiles } from '#models/tensor-file';

interface Case {
  readonly name: string;
  readonly kind: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly rtol: number;
}

const files: ModelFiles = {
  exists: async (path) => existsSync(path),
  readText: async (path) => readFileSync(path, 'utf8'),
  source: async (path) => bytesSource(path, readFileSync(path)),
};

const fixture = (path: string): string => fileURLToPath(new URL(`./data/models/${path}`, import.meta.url));

async function readCases(folder: string): Promise<{ cases: readonly Case[]; tensors: Map<string, HostTensor> }> {
  const { cases } = JSON.parse(readFileSync(fixture(`${folder}/cases.json`), 'utf8')) as { cases: readonly Case[] };
  const source = await files.source(fixture(`${folder}/cases.safetensors`));
  const { tensors } = await readSafetensorsHeader(source);
  const read = [...tensors].map(async ([name, entry]) => [name, await readFileTensor(source, entry)] as const);
  return { cases, tensors: new Map(await Promise.all(read)) };
}

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

/** Runs one network of a model; it is compiled once for all cases. */
type Run = (graph: () => Graph, key: string, feeds: Feeds) => Promise<Record<string, HostTensor>>;

function runner(model: LoadedCheckpoint): Run {
  const sessions = new Map<string, Promise<Session>>();
  return async (graph, key, feeds) => {
    const session = sessions.get(key) ?? backend.compile(graph(), { weights: model.weights });
    sessions.set(key, session);
    return (await session).run(feeds);
  };
}

/** Answers of one case by the names that the case gives its outputs; undefined for kinds that are not components. */
async function answers(
  { parts: { denoiser, autoencoder, textEncoders } }: LoadedCheckpoint,
  run: Run,
  kind: string,
  given: (role: string) => HostTensor,
): Promise<Record<string, HostTensor> | undefined> {
  switch (kind) {
    case 'text_encoder': {
      const ids = given('ids');
      const feeds = { ids: i64(ids.shape, Array.from(ids.data, Number)) };
      const skipped = async (clipSkip: number): Promise<HostTensor> =>
        (await run(() => textEncoders[0]!.graph({ clipSkip }), `text ${clipSkip}`, feeds)).context!;
      return { last_hidden_state: await skipped(1), clip_skip_2: await skipped(2) };
    }
    case 'unet': {
      const t = given('timestep');
      const timestep = f32(t.shape, Float32Array.from(t.data, Number));
      const feeds = { sample: given('sample'), timestep, context: given('context') };
      return { sample: (await run(() => denoiser.graph(), kind, feeds)).prediction! };
    }
    case 'vae_encode':
      return run(() => autoencoder.encoderGraph(), kind, { image: given('image') });
    case 'vae_decode':
      return run(() => autoencoder.decoderGraph(), kind, { latent: given('latent') });
    default:
      return undefined;
  }
}

function relativeError(got: HostTensor, want: HostTensor): number {
  expect(got.shape).toEqual(want.shape);
  let largest = 0;
  let error = 0;
  for (let i = 0; i < want.data.length; i++) {
    const w = Number(want.data[i]);
    largest = Math.max(largest, Math.abs(w));
    const e = Math.abs(Number(got.data[i]) - w);
    error = Number.isNaN(e) ? Number.POSITIVE_INFINITY : Math.max(error, e);
  }
  return error / largest;
}

const componentKinds = ['text_encoder', 'unet', 'vae_encode', 'vae_decode'];

describe.each([
  { folder: 'tiny-sd1', path: 'tiny-sd1', kinds: componentKinds },
  { folder: 'tiny-sd1', path: 'tiny-sd1/tiny-sd1.safetensors', kinds: componentKinds },
  { folder: 'tiny-inpaint', path: 'tiny-inpaint', kinds: ['unet'] },
  { folder: 'tiny-inpaint', path: 'tiny-inpaint/tiny-inpaint-unet.safetensors', kinds: ['unet'] },
])('components of $path', ({ folder, path, kinds }) => {
  let model: LoadedCheckpoint;
  let run: Run;
  let cases: readonly Case[];
  let tensors: Map<string, HostTensor>;

  beforeAll(async () => {
    model = await loadCheckpoint(files, fixture(path), { partial: folder === 'tiny-inpaint' });
    run = runner(model);
    ({ cases, tensors } = await readCases(folder));
  });

  it('has no problems', () => {
    expect(model.problems).toEqual([]);
    expect(model.family.id).toBe('sd1');
    expect(model.description.variant).toBe(folder === 'tiny-inpaint' ? 'inpaint' : undefined);
  });

  it.each(kinds)('%s', async (kind) => {
    const chosen = cases.filter((c) => c.kind === kind);
    expect(chosen.length).toBeGreaterThan(0);
    for (const { name, inputs, outputs, rtol } of chosen) {
      const got = (await answers(model, run, kind, (role) => tensors.get(inputs[role]!)!))!;
      for (const [role, tensor] of Object.entries(outputs)) {
        const error = relativeError(got[role]!, tensors.get(tensor)!);
        expect(error, `${name} ${role}: largest error ${error}`).toBeLessThanOrEqual(rtol);
      }
    }
  });
});
