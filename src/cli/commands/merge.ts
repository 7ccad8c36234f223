/** `darkroom merge`: a checkpoint made of two or three. */

import path from 'node:path';
import type { Command } from 'commander';
import { findModelFile } from '#studio/library/open-model';
import { modelRoots } from '#studio/library/roots';
import { mergeModels } from '#studio/merge';
import { type CommandContext, gather } from '../command.ts';
import { watchInterrupt } from '../interrupt.ts';
import { formatBytes } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface MergeOptions {
  readonly to: string;
  readonly multiplier: string;
  readonly difference?: string;
  readonly blockWeights?: string;
  readonly vae?: string;
  readonly half?: boolean;
  readonly discard?: string;
  readonly force?: boolean;
  readonly modelsDir?: string[];
  readonly json?: boolean;
}

export function define(command: Command, context: CommandContext): void {
  command
    .argument('<a>', 'Checkpoint whose other weights stay, by name or path.')
    .argument('<b>', 'Checkpoint that is mixed in.')
    .requiredOption('--to <file>', 'File to write (.safetensors).')
    .option('--multiplier <x>', 'How much of B: A (1 - x) + B x.', '0.3')
    .option('--difference <c>', 'Add the difference of B to this checkpoint: A + x (B - C).')
    .option('--block-weights <list>', 'Multipliers of base, IN, M and OUT blocks: 26 numbers, of SDXL 20.')
    .option('--vae <file>', 'Put this VAE into the result.')
    .option('--half', 'Store weights in 16 bits.')
    .option('--discard <pattern>', 'Leave out weights whose names match this regular expression.')
    .option('--force', 'Replace what is there.')
    .option('--models-dir <folder>', 'One more folder with models; may be repeated.', gather)
    .option('--json', 'Print one JSON object.')
    .addHelpText('after', examples)
    .action((a: string, b: string, options: MergeOptions) => merge(a, b, options, context));
}

const examples = `
Examples:
  darkroom merge a.safetensors b.safetensors --multiplier 0.4 --to ab.safetensors
  darkroom merge base inpainting --difference v1-5 --multiplier 1 --to base-inpainting.safetensors --half`;

async function merge(a: string, b: string, options: MergeOptions, context: CommandContext): Promise<void> {
  const { output } = context;
  const roots = modelRoots(options.modelsDir);
  const find = async (kind: 'model' | 'vae', name: string | undefined) =>
    name === undefined ? undefined : await findModelFile(kind, name, roots);
  const interrupt = watchInterrupt();
  try {
    const to = path.resolve(options.to);
    const made = await mergeModels({
      a: (await find('model', a))!,
      b: (await find('model', b))!,
      c: await find('model', options.difference),
      vae: await find('vae', options.vae),
      to,
      multiplier: numberOf('--multiplier', options.multiplier),
      blockWeights: options.blockWeights?.split(',').map((each) => numberOf('--block-weights', each)),
      half: options.half,
      discard: options.discard === undefined ? undefined : patternOf(options.discard),
      force: options.force,
      signal: interrupt.signal,
    });
    if (!made) {
      output.note('stopped; nothing was written');
      context.exitCode = interrupt.exitCode;
      return;
    }
    for (const note of made.notes) output.note(`note: ${note}`);
    if (options.json) output.result(JSON.stringify({ file: to, ...made }));
    else output.result(`${to}: ${made.merged} weights merged, ${formatBytes(made.bytes)}`);
  } finally {
    interrupt.release();
  }
}

function numberOf(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UsageError('request.invalid', `${flag} takes numbers; got ${JSON.stringify(text)}.`);
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new UsageError('request.invalid', `--discard takes a regular expression; got ${JSON.stringify(text)}.`);
  }
}
