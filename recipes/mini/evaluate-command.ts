/** `npm run recipe -- evaluate`: draws prompts held out from training and has the evaluator network say what they show. */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import sharp from 'sharp';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { CommandContext } from '#cli/command';
import type { Output } from '#cli/terminal';
import type { PixelImage } from '#core/image';
import { preferring } from '#pipelines/settings/index';
import { preferenceOf } from '#studio/library/open-model';
import { modelRoots } from '#studio/library/roots';
import { pixelsToPlanes, tile } from '#training/tasks/autoencoder';
import { devices } from '../../src/backend-main.ts';
import { createEngine } from '../../src/engine-main.ts';
import { describeSeen, evaluateModel, readEvaluator } from './evaluate.ts';
import { seededRandom } from './scenes/random.ts';
import { createSceneRenderer, type SceneRenderer } from './scenes/render.ts';
import type { Scene } from './scenes/scene.ts';

const layouts = ['single', 'pair', 'count'] as const satisfies readonly Scene['layout'][];
const ownEvaluator = fileURLToPath(new URL('evaluator.safetensors', import.meta.url));

interface EvaluateOptions {
  readonly model?: string;
  readonly evaluator: string;
  readonly count: string;
  readonly layout: Scene['layout'];
  readonly seed: string;
  readonly steps: string;
  readonly cfgScale?: string;
  readonly sampler?: string;
  readonly scheduler?: string;
  readonly device: string;
  readonly grid?: string;
  readonly renders?: boolean;
  readonly json?: boolean;
}

export function define(command: Command, { output }: CommandContext): void {
  command
    .option('--model <name>', 'Checkpoint name or path (default: the embedded model).')
    .option('--evaluator <file>', 'Evaluator weights.', ownEvaluator)
    .option('--count <n>', 'Number of prompts.', '256')
    .addOption(new Option('--layout <layout>', 'One object, two, or some alike.').choices(layouts).default('single'))
    .option('--seed <n>', 'Seed of the first picture; each picture has the next.', '1')
    .option('--steps <n>', 'Sampling steps.', '20')
    .option('--cfg-scale <x>', 'Guidance scale (default: that of generate).')
    .option('--sampler <name>', 'Sampling method (default: that of generate).')
    .option('--scheduler <name>', 'Noise schedule (default: that of generate).')
    .addOption(new Option('--device <device>', 'What to compute on.').choices(devices).default('cpu'))
    .option('--grid <file>', 'Also write the pictures as one, in the format of its name.')
    .option('--renders', 'In the grid, show beside each picture a render of what was asked for.')
    .option('--json', 'Print the report as JSON.')
    .action((options: EvaluateOptions) => evaluate(options, output));
}

async function evaluate(options: EvaluateOptions, output: Output): Promise<void> {
  const { network, weights } = await readEvaluator(options.evaluator);
  const engine = createEngine({ device: options.device, modelRoots: [], options: {} });
  const backend = createOrtNodeBackend({ device: 'cpu' });
  const pictures: PixelImage[] = [];
  const count = Number(options.count);
  const renderer = await createSceneRenderer(network.size);
  try {
    const report = await evaluateModel({
      engine,
      backend,
      network,
      weights,
      renderer,
      count,
      seed: Number(options.seed),
      layout: options.layout,
      request: preferring(
        {
          steps: Number(options.steps),
          width: network.size,
          height: network.size,
          model: options.model,
          cfgScale: options.cfgScale === undefined ? undefined : Number(options.cfgScale),
          sampler: options.sampler,
          scheduler: options.scheduler,
        },
        await preferenceOf(options.model, modelRoots()),
      ),
      onPicture(judged, done) {
        pictures.push(judged.image);
        if (options.renders) pictures.push(renderOf(judged.scene, renderer, done));
        output.note(`${done}/${count}  ${judged.prompt}: ${describeSeen(judged)}`);
      },
    });
    if (options.grid !== undefined) await writeGrid(path.resolve(options.grid), pictures);
    output.result(options.json ? JSON.stringify(report) : reportLines(report));
  } finally {
    await engine.dispose();
    await backend.dispose();
  }
}

/** What a picture of the prompt would look like in training. */
function renderOf(scene: Scene, renderer: SceneRenderer, seed: number): PixelImage {
  const { size } = renderer;
  return { width: size, height: size, channels: 3, data: renderer.render(scene, seededRandom(seed)) };
}

type Report = Awaited<ReturnType<typeof evaluateModel>>;

function reportLines({ count, accuracy, objects }: Report): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
  const missed = objects.filter((o) => o.right < o.asked).slice(0, 12);
  const measured = Object.entries(accuracy).map(([measure, share]) => `${measure} ${percent(share)}`);
  return [
    `${count} held-out prompts: ${measured.join(', ')}`,
    `missed most: ${missed.map((o) => `${o.name} ${o.right}/${o.asked}`).join(', ') || 'none'}`,
  ].join('\n');
}

/** Pictures side by side, sixteen in a row. */
async function writeGrid(file: string, pictures: readonly PixelImage[]): Promise<void> {
  const side = pictures[0]!.width;
  const planes = pixelsToPlanes(Buffer.concat(pictures.map(({ data }) => data)), pictures.length, side);
  const { data, width, height, channels } = tile(planes, pictures.length, side, Math.min(16, pictures.length));
  await sharp(data, { raw: { width, height, channels } }).toFile(file);
}
