/** `darkroom convert`: a model in another layout, in another type of numbers, or as ONNX. */

import path from 'node:path';
import { type Command, Option } from 'commander';
import { UserError } from '#core/errors';
import { type StorageForm, storageForms } from '#models/convert/plan';
import {
  type ConversionLayout,
  type Converted,
  conversionLayouts,
  convertModel,
  layoutOf,
} from '#studio/convert/convert';
import { findModelFile } from '#studio/library/open-model';
import { modelRoots } from '#studio/library/roots';
import { type CommandContext, gather } from '../command.ts';
import { watchInterrupt } from '../interrupt.ts';
import { formatBytes, type Output } from '../terminal.ts';

interface ConvertOptions {
  readonly to?: ConversionLayout;
  readonly dtype?: StorageForm;
  readonly ema?: boolean;
  readonly force?: boolean;
  readonly modelsDir?: string[];
  readonly json?: boolean;
}

export function define(command: Command, context: CommandContext): void {
  command
    .argument('<model>', 'Name or path of a model: a single file or a diffusers folder.')
    .argument('<target>', 'File (.safetensors, .gguf) or folder to write.')
    .addOption(
      new Option('--to <layout>', 'Layout to write (default: by the target’s ending).').choices(conversionLayouts),
    )
    .addOption(
      new Option('--dtype <type>', 'How weights are stored (default: f16; q8_0 for GGUF).').choices(storageForms),
    )
    .option('--ema', 'Take the moving average for the weights, where the file holds one.')
    .option('--force', 'Replace what is there.')
    .option('--models-dir <folder>', 'One more folder with models; may be repeated.', gather)
    .option('--json', 'Print one JSON object.')
    .addHelpText('after', examples)
    .action((model: string, target: string, options: ConvertOptions) => convert(model, target, options, context));
}

const examples = `
Examples:
  darkroom convert v1-5-pruned.ckpt v1-5.safetensors --dtype f16
  darkroom convert v1-5.safetensors v1-5-Q8_0.gguf
  darkroom convert v1-5.safetensors v1-5/ --to diffusers
  darkroom convert v1-5.safetensors v1-5-onnx --to onnx`;

async function convert(model: string, target: string, options: ConvertOptions, context: CommandContext): Promise<void> {
  const { output } = context;
  const from = await findModelFile('model', model, modelRoots(options.modelsDir));
  const to = path.resolve(target);
  if (path.resolve(from) === to)
    throw new UserError('convert.itself', 'A model is not written over itself; give another target.');
  const layout = options.to ?? layoutOf(target);
  const form = options.dtype ?? (layout === 'gguf' ? 'q8_0' : 'f16');
  const interrupt = watchInterrupt();
  try {
    const weights = options.ema ? 'ema' : 'plain';
    const { force } = options;
    const made = await convertModel({ from, to, layout, form, weights }, { signal: interrupt.signal, force });
    if (made) tell(to, made, options, output);
    else {
      output.note('Stopped; nothing was written.');
      context.exitCode = interrupt.exitCode;
    }
  } finally {
    interrupt.release();
  }
}

function tell(to: string, { bytes, notes }: Converted, { json }: ConvertOptions, output: Output): void {
  if (json) output.result(JSON.stringify({ file: to, bytes, notes }));
  else {
    for (const note of notes) output.note(note);
    output.result(to);
    output.note(`${formatBytes(bytes)} written.`);
  }
}
