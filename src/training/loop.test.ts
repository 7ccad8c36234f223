import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { HostTensor } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { oneBatch, tinyAutoencoder, tinyTextToImage, toyOptions, toyTask } from '../../test/fixtures/training-tasks.ts';
import { emaDecay } from './ema.ts';
import { learningRateAt } from './learning-rate.ts';
import { DivergenceError, type LoopHost, type LoopOptions, type StepReport, type TrainingTask, train } from './loop.ts';
import { MemoryRunFiles } from './memory-run-files.ts';
import { adamW } from './optimizers/adamw.ts';
import { findOptimizer, optimizers } from './optimizers/registry.ts';
import { TrainingRandom } from './random.ts';
import { checkpointSteps, readLatestCheckpoint, writeCheckpoint } from './run-directory.ts';
import { autoencoderTask } from './tasks/autoencoder.ts';
import { textToImageTask } from './tasks/text-to-image.ts';
import { decaysMatrices } from './weight-decay.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

async function run(
  task: TrainingTask,
  options: LoopOptions,
  { files = new MemoryRunFiles(), ...host }: Partial<LoopHost> & { files?: MemoryRunFiles } = {},
) {
  const reports: StepReport[] = [];
  const report = (r: StepReport): void => void reports.push(r);
  const done = await train(task, options, { backend, files, random: new TrainingRandom(11), report, ...host });
  return { done, files, reports, state: (await readLatestCheckpoint(files))!.tensors };
}

const values = (t: HostTensor | undefined): number[] => Array.from(t!.data as Float32Array);

function stateAt(files: MemoryRunFiles, step: number): ReadonlyMap<string, HostTensor> {
  const path = `checkpoints/step-${String(step).padStart(8, '0')}/state.safetensors`;
  return files.entries.get(path) as ReadonlyMap<string, HostTensor>;
}

/** Largest difference over all tensors, relative to the largest value of each. */
function difference(a: ReadonlyMap<string, HostTensor>, b: ReadonlyMap<string, HostTensor>): number {
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  return Math.max(
    ...[...a].map(([name, t]) => {
      const other = values(b.get(name));
      const scale = Math.max(...other.map(Math.abs), 1e-30);
      return Math.max(...values(t).map((v, i) => Math.abs(v - other[i]!))) / scale;
    }),
  );
}

describe('resuming', () => {
  it('ends a training that is given fewer steps than it has done', async () => {
    const files = new MemoryRunFiles();
    await run(toyTask(4), toyOptions(), { files });
    const ended: number[] = [];
    const task = { ...toyTask(4), finish: async (_: unknown, step: number) => void ended.push(step) };
    const { done } = await run(task, { ...toyOptions(), steps: 3 }, { files });
    expect([done, ended]).toEqual([toyOptions().steps, [toyOptions().steps]]);
  });

  it.each([1, 2, 5, 7, 11])('continues bit for bit when stopped after step %d', async (stop) => {
    const whole = await run(toyTask(4), toyOptions());
    const files = new MemoryRunFiles();
    const stopped = new AbortController();
    const report = (r: StepReport): void => {
      if (r.step === stop) stopped.abort();
    };
    expect((await run(toyTask(4), toyOptions(), { files, signal: stopped.signal, report })).done).toBe(stop);
    const resumed = await run(toyTask(4), toyOptions(), { files, random: new TrainingRandom(99) });
    expect(resumed.done).toBe(12);
    expect(resumed.state).toEqual(whole.state);
    expect(files.entries.get('metrics.jsonl')).toBe(whole.files.entries.get('metrics.jsonl'));
  });

  it('goes back to the last checkpoint after a crash, and writes no metrics twice', async () => {
    const whole = await run(toyTask(4), toyOptions());
    const files = new MemoryRunFiles();
    const plain = toyTask(4);
    const crashing = toyTask(4, {
      batch(random, step) {
        if (step === 8) throw new Error('power cut');
        return plain.batch(random, step);
      },
    });
    await expect(run(crashing, toyOptions(), { files })).rejects.toThrow('power cut');
    await files.appendText('metrics.jsonl', '{"step":9,"lo');
    expect(await checkpointSteps(files)).toEqual([3, 6]);
    const resumed = await run(toyTask(4), toyOptions(), { files, random: new TrainingRandom(99) });
    expect(resumed.state).toEqual(whole.state);
    expect(files.entries.get('metrics.jsonl')).toBe(whole.files.entries.get('metrics.jsonl'));
  });

  it.each(optimizers.map((row) => row.name))('keeps all the state of %s', async (name) => {
    const options = toyOptions({ optimizer: findOptimizer(name).create({}), steps: 6, checkpointEvery: 2 });
    const whole = await run(toyTask(2), options);
    const files = new MemoryRunFiles();
    await run(toyTask(2), { ...options, steps: 4 }, { files });
    const resumed = await run(toyTask(2), options, { files, random: new TrainingRandom(99) });
    expect(resumed.state).toEqual(whole.state);
    expect(whole.reports.every((r) => Number.isFinite(r.metrics.loss))).toBe(true);
  });

  it('ignores a checkpoint that a kill left half written', async () => {
    const { files } = await run(toyTask(4), toyOptions({ steps: 3 }));
    await files.writeText('checkpoints/step-00000099.partial/position.json', '{}');
    expect((await readLatestCheckpoint(files))!.position.step).toBe(3);
  });

  it('refuses the state of another network', async () => {
    const { files } = await run(toyTask(4), toyOptions({ steps: 3 }));
    const saved = (await readLatestCheckpoint(files))!;
    const tensors = new Map([...saved.tensors].filter(([name]) => name !== 'm:first.weight'));
    await writeCheckpoint(files, { position: { ...saved.position, step: 4 }, tensors }, 2);
    await expect(run(toyTask(4), toyOptions(), { files })).rejects.toMatchObject({
      code: 'training.state-mismatch',
      message: expect.stringContaining('nothing for m:first.weight, expected [8,4]'),
    });
  });
});

describe('divergence', () => {
  const poisoned = (at: number): TrainingTask => {
    const plain = toyTask(4);
    return toyTask(4, {
      async batch(random, step): Promise<Feeds> {
        const feeds = await plain.batch(random, step);
        if (step === at) (feeds.x!.data as Float32Array)[0] = Number.NaN;
        return feeds;
      },
    });
  };

  it('stops at a NaN and keeps the state before it', async () => {
    const files = new MemoryRunFiles();
    const stopped = run(poisoned(7), toyOptions(), { files });
    await expect(stopped).rejects.toBeInstanceOf(DivergenceError);
    await expect(stopped).rejects.toMatchObject({ step: 8, checkpoint: 7, code: 'training.diverged' });
    const good = await run(toyTask(4), { ...toyOptions(), steps: 7 });
    expect((await readLatestCheckpoint(files))!.tensors).toEqual(good.state);
    const rows = (files.entries.get('metrics.jsonl') as string).trim().split('\n');
    expect(rows).toHaveLength(7);
  });

  it('stops when one part of an accumulated step is NaN', async () => {
    const files = new MemoryRunFiles();
    let part = 0;
    const plain = toyTask(1);
    const task = toyTask(1, {
      async batch(random, step): Promise<Feeds> {
        const feeds = await plain.batch(random, step);
        if (++part === 10) (feeds.y!.data as Float32Array)[0] = Number.POSITIVE_INFINITY;
        return feeds;
      },
    });
    await expect(run(task, toyOptions({ accumulate: 4 }), { files })).rejects.toMatchObject({ step: 3, checkpoint: 2 });
  });

  it('never keeps weights that overflowed under a finite loss', async () => {
    const files = new MemoryRunFiles();
    const explosive = findOptimizer('sgd').create({});
    const options = toyOptions({
      optimizer: explosive,
      checkpointEvery: 2,
      schedule: { name: 'piecewise_constant', rules: '1:3,1e300' },
    });
    await expect(run(toyTask(4), options, { files })).rejects.toMatchObject({ step: 4, checkpoint: 2 });
    for (const [, t] of (await readLatestCheckpoint(files))!.tensors)
      expect(values(t).every(Number.isFinite)).toBe(true);
  });
});

describe('a step', () => {
  it('accumulated over 4 parts of 1 is a step of 4', async () => {
    const options = toyOptions({ optimizer: adamW({ eps: 1e-3 }) });
    const parts = await run(toyTask(1), { ...options, accumulate: 4 });
    const once = await run(toyTask(4), options);
    expect(difference(parts.state, once.state)).toBeLessThan(1e-6);
    parts.reports.forEach((r, i) => {
      expect(r.metrics.loss).toBeCloseTo(once.reports[i]!.metrics.loss!, 5);
      expect(r.metrics.gradientNorm).toBeCloseTo(once.reports[i]!.metrics.gradientNorm!, 4);
    });
  });

  it('follows the learning-rate schedule', async () => {
    const { schedule, learningRate } = toyOptions();
    const { reports } = await run(toyTask(2), toyOptions());
    expect(reports.map((r) => r.learningRate)).toEqual(
      reports.map((_, i) => learningRateAt(i, learningRate, schedule)),
    );
    expect(reports[0]!.learningRate).toBe(0);
    expect(reports[3]!.learningRate).toBe(learningRate);
  });

  it('moves the average by the decay in force and publishes it', async () => {
    const published: number[][] = [];
    const task = toyTask(2, {
      publish: async (weights) => void published.push(values(weights.get('second.weight'))),
    });
    const options = toyOptions({ checkpointEvery: 1, keepCheckpoints: 20 });
    const { files } = await run(task, options);
    let shadow: number[] | undefined;
    for (let step = 1; step <= 12; step++) {
      const value = values(stateAt(files, step).get('second.weight'));
      const keep = emaDecay(step, options.ema);
      shadow = value.map((v, i) => v + keep * ((shadow?.[i] ?? 0) - v));
      const stored = values(stateAt(files, step).get('ema:second.weight'));
      stored.forEach((v, i) => {
        expect(v).toBeCloseTo(shadow![i]!, 5);
      });
      expect(published[step - 1]).toEqual(stored);
    }
  });

  it('leaves frozen parameters alone', async () => {
    const first = new Float32Array(8).fill(0.25);
    const task = toyTask(2, {
      trains: (name) => name !== 'first.bias',
      frozen: new Map([['first.bias', { dtype: 'f32', shape: [8], data: first } as HostTensor]]),
    });
    const { state } = await run(task, toyOptions());
    expect([...state.keys()].filter((name) => name.endsWith('first.bias'))).toEqual([]);
    expect(first).toEqual(new Float32Array(8).fill(0.25));
  });

  it('decays only what it is told to', async () => {
    const options = (rule: boolean): LoopOptions =>
      toyOptions({
        steps: 1,
        optimizer: findOptimizer('sgd').create({ weightDecay: 0.5 }),
        schedule: { name: 'constant' },
        learningRate: 1,
        clipNorm: 1e-12,
        ...(rule ? { decays: decaysMatrices } : {}),
      });
    const before = await run(toyTask(2), { ...options(false), learningRate: 0 });
    const all = await run(toyTask(2), options(false));
    const matrices = await run(toyTask(2), options(true));
    const ratio = (s: ReadonlyMap<string, HostTensor>, name: string): number =>
      values(s.get(name))[0]! / values(before.state.get(name))[0]!;
    expect(ratio(all.state, 'first.bias')).toBeCloseTo(0.5, 5);
    expect(ratio(matrices.state, 'first.bias')).toBeCloseTo(1, 5);
    expect(ratio(matrices.state, 'first.weight')).toBeCloseTo(0.5, 5);
    expect(decaysMatrices('text_encoder.text_model.embeddings.token_embedding.weight', [100, 16])).toBe(false);
    expect(decaysMatrices('unet.time_embedding.linear_1.weight', [64, 16])).toBe(true);
  });
});

describe('overfitting one batch', () => {
  /** The first step whose loss is below 0.05; fails when there is none in 300. */
  async function stepsToLearn(task: TrainingTask, learningRate: number): Promise<number> {
    const stopped = new AbortController();
    const losses: number[] = [];
    const report = ({ metrics }: StepReport): void => {
      losses.push(metrics.loss!);
      if (metrics.loss! < 0.05) stopped.abort();
    };
    const options: LoopOptions = {
      steps: 300,
      optimizer: adamW({ betas: [0.9, 0.99], weightDecay: 0 }),
      learningRate,
      schedule: { name: 'constant_with_warmup', warmupSteps: 10 },
      clipNorm: 1,
      checkpointEvery: 300,
    };
    await run(oneBatch(task), options, { signal: stopped.signal, report });
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.at(-1)).toBeLessThan(0.05);
    return losses.length;
  }

  it('a tiny U-Net with its text encoder learns it by heart', { timeout: 300_000 }, async () => {
    expect(await stepsToLearn(textToImageTask(tinyTextToImage()), 0.01)).toBeGreaterThan(3);
  });

  it('a tiny autoencoder learns it by heart', { timeout: 300_000 }, async () => {
    expect(await stepsToLearn(autoencoderTask(tinyAutoencoder()), 0.005)).toBeGreaterThan(3);
  });
});
