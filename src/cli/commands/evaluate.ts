/** `darkroom evaluate`: draws prompts held out from training and has the evaluator network say what they show. */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import type { PixelImage } from '#core/image';
import { createEngine, devices } from '../../engine-main.ts';
import { processOutput } from '../terminal.ts';

const ownEvaluator = fileURLToPath(new URL('../../../evaluators/mini-evaluator.safetensors', import.meta.url));

interface EvaluateOptions {
  readonly model?: string;
  readonly evaluator: string;
  readonly count: string;
  readonly seed: string;
  readonly steps: string;
  readonly cfgScale?: string;
  readonly sampler?: string;
  readonly scheduler?: string;
  readonly device: string;
  readonly grid?: string;
  readonly json?: boolean;
}

export function define(command: Command): void {
  command
    .option('--model <name>', 'Checkpoint name or path (default: the embedded model).')
    .option('--evaluator <file>', 'Evaluator weights.', ownEvaluator)
    .option('--count <n>', 'Number of prompts.', '256')
    .option('--seed <n>', 'Seed of the first picture; each picture has the next.', '1')
    .option('--steps <n>', 'Sampling steps.', '20')
    .option('--cfg-scale <x>', 'Guidance scale (default: that of generate).')
    .option('--sampler <name>', 'Sampling method (default: that of generate).')
    .option('--scheduler <name>', 'Noise schedule (default: that of generate).')
    .addOption(new Option('--device <device>', 'What to compute on.').choices(devices).default('cpu'))
    .option('--grid <file>', 'Also write the pictures as one PNG.')
    .option('--json', 'Print the report as JSON.')
    .action((options: EvaluateOptions) => evaluate(options));
}

async function evaluate(options: EvaluateOptions): Promise<void> {
  const { createOrtNodeBackend } = await import('#backends/ort-node/cpu');
  const { describeSeen, evaluateModel, readEvaluator } = await import('#studio/training/evaluate');
  const { network, weights } = await readEvaluator(options.evaluator);
  const engine = createEngine({ device: options.device, modelRoots: [], options: {} });
  const backend = createOrtNodeBackend({ device: 'cpu' });
  const pictures: PixelImage[] = [];
  const count = Number(options.count);
  try {
    const report = await evaluateModel({
      engine,
      backend,
      network,
      weights,
      count,
      seed: Number(options.seed),
      request: {
        steps: Number(options.steps),
        width: network.size,
        height: network.size,
        ...(options.model !== undefined && { model: options.model }),
        ...(options.cfgScale !== undefined && { cfgScale: Number(options.cfgScale) }),
        ...(options.sampler !== undefined && { sampler: options.sampler }),
        ...(options.scheduler !== undefined && { scheduler: options.scheduler }),
      },
      onPicture(judged, done) {
        pictures.push(judged.image);
        processOutput.note(`${done}/${count}  ${judged.prompt.prompt}: ${describeSeen(judged)}`);
      },
    });
    if (options.grid !== undefined) await writeGrid(path.resolve(options.grid), pictures);
    processOutput.result(options.json ? JSON.stringify(report) : reportLines(report));
  } finally {
    await engine.dispose();
    await backend.dispose();
  }
}

type Report = Awaited<ReturnType<typeof import('#studio/training/evaluate').evaluateModel>>;

function reportLines({ count, accuracy, objects }: Report): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
  const missed = objects.filter((o) => o.right < o.asked).slice(0, 12);
  return [
    `${count} held-out prompts: object ${percent(accuracy.object)}, place ${percent(accuracy.place)}, time of day ${percent(accuracy.time)}`,
    `missed most: ${missed.map((o) => `${o.name} ${o.right}/${o.asked}`).join(', ') || 'none'}`,
  ].join('\n');
}

/** Pictures side by side, sixteen in a row. */
async function writeGrid(file: string, pictures: readonly PixelImage[]): Promise<void> {
  const { default: sharp } = await import('sharp');
  const { width, height } = pictures[0]!;
  const columns = Math.min(16, pictures.length);
  const rows = Math.ceil(pictures.length / columns);
  const canvas = { width: columns * width, height: rows * height, channels: 3 as const, background: '#fff' };
  const layers = pictures.map((p, i) => ({
    input: Buffer.from(p.data),
    raw: { width: p.width, height: p.height, channels: 3 as const },
    left: (i % columns) * width,
    top: Math.floor(i / columns) * height,
  }));
  await sharp({ create: canvas }).composite(layers).png().toFile(file);
}
