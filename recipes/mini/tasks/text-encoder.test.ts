import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { textEncoderScope } from '#models/clip/network';
import { type StepReport, type TrainingTask, train, type Weights } from '#training/loop';
import { MemoryRunFiles } from '#training/memory-run-files';
import { TrainingRandom } from '#training/random';
import { textToImageTask } from '#training/tasks/text-to-image';
import { emptyId, tinyTextToImage, toyOptions, vocabulary } from '../../../test/fixtures/training-tasks.ts';
import { type TextEncoderOptions, textEncoderTask } from './text-encoder.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

const { textEncoder } = tinyTextToImage();
const words = 4;

/** Texts of one or two words; the label says which word comes first. */
const options: TextEncoderOptions<'first'> = {
  textEncoder,
  batchSize: 8,
  vocabulary,
  endId: emptyId,
  source: {
    classes: { first: words },
    draw(random, count) {
      const { positions } = textEncoder;
      const ids = new Int32Array(count * positions).fill(emptyId);
      const first = Int32Array.from({ length: count }, () => random.integer(words));
      first.forEach((word, n) => {
        ids[n * positions] = vocabulary[word]!;
        if (random.uniform() < 0.5) ids[n * positions + 1] = vocabulary[random.integer(words)]!;
      });
      return { ids, labels: { first } };
    },
  },
};

async function losses(task: TrainingTask, steps: number): Promise<number[]> {
  const found: number[] = [];
  const schedule = { name: 'constant' as const, warmupSteps: 0, totalSteps: steps };
  await train(task, toyOptions({ steps, schedule, checkpointEvery: steps }), {
    backend,
    files: new MemoryRunFiles(),
    random: new TrainingRandom(3),
    report: ({ metrics }: StepReport) => void found.push(metrics.loss!),
  });
  return found;
}

describe('text encoder training', () => {
  it('reads every position from the end of the text on, in equal shares', async () => {
    const feeds = await textEncoderTask(options).batch(new TrainingRandom(1), 0);
    const { positions } = textEncoder;
    const end = vocabulary.indexOf(emptyId);
    for (let n = 0; n < options.batchSize; n++) {
      const ids = Array.from(feeds.ids!.data, Number).slice(n * positions, (n + 1) * positions);
      const shares = Array.from(feeds.read!.data, Number).slice(n * positions, (n + 1) * positions);
      const length = ids.indexOf(end);
      const share = 1 / (options.batchSize * (positions - length));
      shares.forEach((s, t) => {
        expect(s).toBeCloseTo(t < length ? 0 : share, 6);
      });
    }
  });

  it('starts at chance and learns what texts say', async () => {
    const found = await losses(textEncoderTask(options), 120);
    expect(found[0]).toBeCloseTo(Math.log(words), 3);
    expect(Math.max(...found.slice(-5))).toBeLessThan(0.1 * found[0]!);
  });
});

it('leaves a frozen text encoder as it is while the U-Net learns', async () => {
  let shipped: Weights = new Map();
  const publish = async (weights: Weights): Promise<void> => {
    shipped = new Map([...weights].map(([name, t]) => [name, { ...t, data: t.data.slice() }]));
  };
  await losses(textEncoderTask(options, { publish }), 1);
  const frozen = new Map([...shipped].filter(([name]) => name.startsWith(textEncoderScope)));
  await losses(textToImageTask(tinyTextToImage({ frozenTextEncoder: frozen }), { publish }), 2);
  for (const [name, { data }] of frozen) expect(shipped.get(name)!.data, name).toEqual(data);
  expect(shipped.size).toBeGreaterThan(frozen.size);
});
