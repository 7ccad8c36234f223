/** `darkroom train`: what a training would take, a training, and a picture with its result. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CliResult, finished, startCli, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-train-'));
const models = join(folder, 'my models');
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  mkdirSync(join(folder, 'pics'));
  mkdirSync(models);
  const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: '#c02010' } });
  await picture.png().toFile(join(folder, 'pics', 'a red wall.png'));
});

const run = async (...argv: string[]): Promise<CliResult> => await finished(startCli(folder, ...argv));

it('tells what a LoRA would take and leaves nothing, then makes it beside the user’s models and draws with it', async () => {
  const flags = ['--pretrained_model_name_or_path', tinyModel, '--resolution', '64', '--train_batch_size', '1'];
  const train = (...more: string[]) => run('train', 'lora', 'pics', ...flags, '--models-dir', models, ...more);
  const plan = await train('--dry_run');
  expect(plan).toMatchObject({ code: 0 });
  expect(plan.stdout).toMatch(/^memory \d+\.\d GiB at most\n\d+\.\d\d s a step, .* for 400 steps$/m);
  expect(readdirSync(folder).sort()).toEqual(['my models', 'pics']);

  const settings = ['--max_train_steps', '2', '--learning_rate', '0.01', '--sample_prompts', 'a red wall --s 1'];
  const made = await train(...settings, '--json');
  expect(made).toMatchObject({ code: 0 });
  const steps = made.stdout.split('\n').filter(Boolean);
  expect(steps.map((line) => (JSON.parse(line) as { step: number }).step)).toContain(2);
  expect(readdirSync(join(models, 'loras'))).toEqual(['pics.safetensors']);

  const prompt = ['a red wall <lora:pics:1>', '--model', tinyModel, '--steps', '1', '--width', '64', '--height', '64'];
  const drawn = await run('generate', ...prompt, '--models-dir', models, '--out', 'wall.png');
  expect(drawn).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/warning|pics/) as unknown });
}, 240_000);
