/** `darkroom batch`: picture to picture over every picture of a folder; results are called as what they came from. */

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { UserError } from '#core/errors';
import type { CommandContext } from '../command.ts';
import { checkFree, checkWritable, type PictureTarget, PictureWriter } from '../generate/picture-files.ts';
import { readPictureFile } from '../picture-file.ts';
import { UsageError } from '../usage-error.ts';
import {
  addGenerateFlags,
  type GenerateOptions,
  preparedPrompts,
  requestOf,
  withDrawing,
  withProgress,
} from './generate.ts';

interface BatchOptions extends GenerateOptions {
  readonly masks?: string;
  readonly ownPrompts?: boolean;
}

const pictureName = /\.(png|jpe?g|webp|avif|gif|tiff?)$/i;

export function define(command: Command, context: CommandContext): void {
  command.argument('<folder>', 'Folder with pictures.').argument('[prompt...]', 'What they should show.');
  addGenerateFlags(command)
    .option('--masks <folder>', 'Folder with a mask for each picture, under its name; or one mask for all.')
    .option('--own-prompts', 'Put the prompt inside each picture before the one that is given.')
    .addHelpText('after', examples)
    .action((folder: string, words: string[], options: BatchOptions) => batch(folder, words, options, context));
}

const examples = `
Examples:
  darkroom batch photos/ "a pencil drawing" --strength 0.5 --out drawings/
  darkroom batch photos/ "a fox" --masks masks/ --out foxes/`;

async function batch(
  folder: string,
  words: readonly string[],
  options: BatchOptions,
  context: CommandContext,
): Promise<void> {
  for (const [key, flag] of Object.entries({ init: 'init', mask: 'mask', latentMask: 'latent-mask' } as const)) {
    if (options[key as 'init' | 'mask' | 'latentMask'] !== undefined)
      throw new UsageError('batch.init', `--${flag}: the pictures are those of the folder.`);
  }
  await withProgress(options, context, async (progress) => {
    const names = await picturesIn(folder, 'pictures');
    const out = options.out ?? `${folder.replace(/[\\/]+$/, '')}-drawn`;
    if (path.resolve(out) === path.resolve(folder)) {
      throw new UsageError('batch.out', '--out must be another folder than that of the pictures.');
    }
    const asked = await requestOf(words, options);
    const count = asked.batchSize * asked.batchCount;
    const targetOf = (name: string): PictureTarget => ({
      folder: path.resolve(out),
      stem: path.basename(name, path.extname(name)),
      format: options.format ?? 'png',
      force: options.force,
    });
    await checkWritable(path.resolve(out));
    for (const name of names) await checkFree(targetOf(name), count);
    const masks = options.masks === undefined ? undefined : await masksIn(options.masks);
    context.exitCode = await withDrawing(options, progress, names.length * count, async (drawing) => {
      for (const [i, name] of names.entries()) {
        if (drawing.stopped) return;
        const { image: init, infotext } = await readPictureFile(path.join(folder, name));
        const mask = masks && (await readPictureFile(masks(name), '--masks')).image;
        const prompt = options.ownPrompts ? joined(infotext, asked.prompt) : asked.prompt;
        const request = await preparedPrompts({ ...asked, prompt, init, mask }, options, progress);
        const writer = new PictureWriter(targetOf(name));
        await drawing.draw(
          request,
          async (picture) => await writer.write({ ...picture, index: picture.index - i * count, count }),
          i * count,
        );
      }
    });
  });
}

/** As its infotext begins: the prompt, up to the negative one or the settings. */
function joined(infotext: string | undefined, prompt: string): string {
  const own = infotext?.split(/\n(?:Negative prompt: |Steps: )/)[0]?.trim() ?? '';
  return [own, prompt].filter((part) => part !== '').join(', ');
}

async function picturesIn(folder: string, what: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such folder' : 'it is no folder that can be read';
    throw new UserError('batch.folder', `${JSON.stringify(folder)}: ${reason}.`, { cause });
  });
  const pictures = names.filter((name) => pictureName.test(name)).sort();
  if (pictures.length > 0) return pictures;
  throw new UserError('batch.empty', `There are no ${what} in ${JSON.stringify(folder)}.`);
}

/** The mask of a picture: of its name with any ending; the one there is; a file for all. */
async function masksIn(given: string): Promise<(name: string) => string> {
  if ((await stat(given).catch(() => undefined))?.isFile()) return () => given;
  const masks = await picturesIn(given, 'masks');
  const stemOf = (name: string): string => path.basename(name, path.extname(name));
  return (name) => {
    const found = masks.find((mask) => stemOf(mask) === stemOf(name)) ?? (masks.length === 1 ? masks[0] : undefined);
    if (found === undefined)
      throw new UserError('batch.mask', `There is no mask for ${name} in ${JSON.stringify(given)}.`);
    return path.join(given, found);
  };
}
