/** The fused update against the same update in the session. */

import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import { input, linear, parameter } from '#graph/build';
import { mse } from '#graph/compose';
import { fusedUpdate } from './fused-update.ts';
import type { Optimizer } from './optimizer.ts';
import { adam } from './optimizers/adam.ts';
import { adamW } from './optimizers/adamw.ts';
import { lion } from './optimizers/lion.ts';
import { sgd } from './optimizers/sgd.ts';
import { TrainingRandom } from './random.ts';
import { buildTrainingStep, type StepOptions, scalarFeed } from './step.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

const [rows, width] = [5, 70];
const x = input('x', 'f32', [rows, width]);
const target = input('target', 'f32', [rows, width]);
const loss = mse(linear(x, parameter('weight', [width, width]), parameter('bias', [width])), target);

const optimizers: Readonly<Record<string, Optimizer>> = {
  adamW: adamW({ weightDecay: 0.1 }),
  adam: adam({ weightDecay: 0.1 }),
  sgd: sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
};

type Tensors = Map<string, HostTensor>;

function randomFeeds(options: StepOptions) {
  const random = new TrainingRandom(5);
  const { state } = buildTrainingStep('plain', { loss }, options);
  const drawn = (shape: readonly number[]) => f32(shape, random.fillNormal(new Float32Array(sizeOf(shape))));
  // Second moments are not negative.
  const first: Tensors = new Map(
    state.map((s) => [s.name, s.slot === 'v' ? f32(s.shape, drawn(s.shape).data.map(Math.abs)) : drawn(s.shape)]),
  );
  const scalars = { ...options.optimizer.scalars(4, 0.02), emaKeep: 0.9 };
  const fed = Object.fromEntries(Object.entries(scalars).map(([k, v]) => [scalarFeed(k), f32([], [v])]));
  return { first, data: { x: drawn([rows, width]), target: drawn([rows, width]) }, scalars: fed };
}

async function inSession(options: StepOptions, { first, data, scalars }: ReturnType<typeof randomFeeds>) {
  const { apply } = buildTrainingStep('session', { loss }, options);
  const session = await backend.compile(apply);
  const all: Record<string, HostTensor> = { ...Object.fromEntries(first), ...data, ...scalars };
  const needed = [...apply.inputs, ...apply.parameters].map((v) => [v.attrs.name, all[v.attrs.name]!]);
  return await session.run(Object.fromEntries(needed));
}

describe.each(Object.keys(optimizers))('the fused update of %s', (name) => {
  it.each([{ clipNorm: 0.01 }, {}])('is that of the session with %j', async (clip) => {
    const options: StepOptions = {
      optimizer: optimizers[name]!,
      ema: true,
      accumulate: 1,
      decays: (parameter) => parameter === 'weight',
      ...clip,
    };
    const given = randomFeeds(options);
    const expected = await inSession(options, given);
    const apart = { ...options, updatesApart: true };
    const results = await inSession(apart, given);
    const { state } = buildTrainingStep('apart', { loss }, apart);
    fusedUpdate(options, backend)!(state, given.first, { ...results, ...given.scalars });
    for (const [key, t] of given.first) expect(t.data, key).toEqual(expected[key]!.data);
  });
});

it('is left to the session where the rule or the backend is not made for it', () => {
  const options: StepOptions = { optimizer: lion(), ema: false, accumulate: 1 };
  expect(fusedUpdate(options, backend)).toBeUndefined();
  const { fuse: _, ...plain } = backend;
  expect(fusedUpdate({ ...options, optimizer: adamW() }, plain)).toBeUndefined();
});
