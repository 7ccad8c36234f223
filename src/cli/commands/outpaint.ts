/** `darkroom outpaint`: a picture grown beyond its edges; what is drawn there follows the prompt. */

import type { Command } from 'commander';
import { outpaintSides } from '#pipelines/settings/outpaint';
import { parseInfotext } from '#prompt/infotext';
import type { CommandContext } from '../command.ts';
import { readPictureFile } from '../picture-file.ts';
import { UsageError } from '../usage-error.ts';
import { addGenerateFlags, type GenerateOptions, generate } from './generate.ts';

/** What the scripts of the web UI advise: the new area has to be drawn, not only touched up. */
const strength = '0.9';

export function define(command: Command, context: CommandContext): void {
  command
    .argument('<picture>', 'The picture to grow.')
    .argument('[prompt...]', 'What it shows beyond its edges; the prompt inside the picture when left out.');
  addGenerateFlags(command)
    .addHelpText('after', examples)
    .action((picture: string, words: string[], options: GenerateOptions) => outpaint(picture, words, options, context));
}

const examples = `
Examples:
  darkroom outpaint fox.png "a fox in the snow" --left 128 --right 128
  darkroom outpaint fox.png --up 64 --outpaint-fill "masked content" --masked-content fill`;

async function outpaint(
  picture: string,
  words: readonly string[],
  options: GenerateOptions,
  context: CommandContext,
): Promise<void> {
  if (!outpaintSides.some((side) => Number(options[side] ?? 0) > 0)) {
    throw new UsageError('request.outpaint', 'Say which side is to grow, and by how many pixels: --left 128, for one.');
  }
  const given = words.length > 0 || options.prompt !== undefined;
  const told = given ? undefined : (await readPictureFile(picture)).infotext;
  const prompt = told === undefined ? options.prompt : String(parseInfotext(told).Prompt ?? '');
  await generate(words, { strength, ...options, init: picture, ...(words.length === 0 && { prompt }) }, context);
}
