/** `darkroom annotate`: the hint that a module makes of a picture, as a file. */

import path from 'node:path';
import type { Command } from 'commander';
import { annotators } from '#pipelines/annotators/index';
import { runOnnxAnnotator } from '#pipelines/annotators/onnx';
import { makeHint, shownHint } from '#pipelines/control/hint';
import { findModule } from '#pipelines/control/units';
import { toRgb } from '#pipelines/picture';
import { annotatorFinder, listAnnotators } from '#studio/library/controls';
import { modelRoots } from '#studio/library/roots';
import { createBackend } from '../../backend-main.ts';
import { type CommandContext, modelsOption } from '../command.ts';
import { checkFree, checkWritable, PictureWriter, pictureTarget } from '../generate/picture-files.ts';
import { readPictureFile } from '../picture-file.ts';
import { UsageError } from '../usage-error.ts';
import { wholeNumber } from '../whole-number.ts';

interface AnnotateOptions {
  readonly module?: string;
  readonly mask?: string;
  readonly resolution?: string;
  readonly a?: string;
  readonly b?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly list?: boolean;
  readonly modelsDir?: string[];
}

export function define(command: Command, context: CommandContext): void {
  command
    .argument('[picture]', 'Picture file.')
    .option('--module <name>', 'What makes the hint, such as canny; see --list.')
    .option('--mask <file>', 'White is repainted, for modules that inpaint.')
    .option('--resolution <n>', 'Shorter side at which the module works, in pixels (default: 512).')
    .option('--a <x>', 'The module’s first number.')
    .option('--b <x>', 'The module’s second number.')
    .option('--out <file>', 'Where to put the hint (default: beside the picture, as NAME-MODULE.png).')
    .option('--force', 'Let --out replace a file.')
    .option('--list', 'List the modules that there are.')
    .addOption(modelsOption())
    .addHelpText('after', examples)
    .action((picture: string | undefined, options: AnnotateOptions) => annotate(picture, options, context));
}

const examples = `
Examples:
  darkroom annotate photo.jpg --module canny --a 80 --b 160
  darkroom annotate photo.jpg --module my-depth --out depth.png
  darkroom generate "a fox" --control canny,model=NAME,image=photo.jpg`;

async function annotate(
  picture: string | undefined,
  options: AnnotateOptions,
  { output }: CommandContext,
): Promise<void> {
  const roots = modelRoots(options.modelsDir);
  if (options.list) return await listModules(roots, output);
  if (picture === undefined || options.module === undefined) {
    throw new UsageError('annotate.what', 'Name a picture and a --module; --list tells which there are.');
  }
  const module = await findModule(options.module, annotatorFinder(roots));
  const [image, mask] = [
    await readPictureFile(picture),
    options.mask && (await readPictureFile(options.mask, '--mask')),
  ];
  const file = options.out ?? besidePath(picture, module.name);
  const target = await pictureTarget(file, undefined, new Date(), options.force);
  await checkWritable(target.folder);
  await checkFree(target, 1);
  const backend = 'reads' in module ? undefined : createBackend('cpu');
  try {
    const hint = await makeHint({
      module,
      image: toRgb(image.image),
      mask: mask ? mask.image : undefined,
      resolution:
        options.resolution === undefined ? undefined : wholeNumber('--resolution', options.resolution, 64, 4096),
      thresholdA: numberOf('--a', options.a),
      thresholdB: numberOf('--b', options.b),
      run: backend && ((...of) => runOnnxAnnotator(backend, ...of)),
    });
    const written = { image: shownHint(hint), index: 0, seed: 0, infotext: '', count: 1 };
    output.result(await new PictureWriter(target).write(written));
  } finally {
    await backend?.dispose();
  }
}

async function listModules(roots: readonly string[], output: CommandContext['output']): Promise<void> {
  for (const { name, summary } of annotators) output.result(`${name.padEnd(28)} ${summary}`);
  for (const { name } of await listAnnotators(roots))
    output.result(`${name.padEnd(28)} Yours, from models/annotators.`);
}

function besidePath(picture: string, module: string): string {
  return path.join(path.dirname(picture), `${path.basename(picture, path.extname(picture))}-${module}.png`);
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UsageError('flag.number', `${flag} must be a number; got ${JSON.stringify(text)}.`);
}
