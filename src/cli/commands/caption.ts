/** `darkroom caption`: what pictures show, in tags, by a captioner of the user's; as text files for a training. */

import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { captionPicture } from '#pipelines/annotators/captioner';
import { writeWholeFile } from '#studio/files/whole-file';
import { findCaptioner } from '#studio/library/captioners';
import { modelRoots } from '#studio/library/roots';
import { createBackend } from '../../backend-main.ts';
import { type CommandContext, modelsOption } from '../command.ts';
import { readPictureFile } from '../picture-file.ts';
import { UsageError } from '../usage-error.ts';

interface CaptionOptions {
  readonly captioner?: string;
  readonly threshold?: string;
  readonly prefix?: string;
  readonly write?: boolean;
  readonly force?: boolean;
  readonly modelsDir?: string[];
  readonly json?: boolean;
}

export function define(command: Command, context: CommandContext): void {
  command
    .argument('<pictures...>', 'Picture files.')
    .option('--captioner <name>', 'ONNX tagger in models/annotators (default: the first).')
    .option('--threshold <x>', 'Least probability of a tag, 0 to 1 (default: the tagger’s, 0.35).')
    .option('--prefix <text>', 'Words before the tags, such as what wakes a LoRA.')
    .option('--write', 'Write each caption to a text file beside its picture, for a training.')
    .option('--force', 'Let --write replace text files.')
    .addOption(modelsOption())
    .option('--json', 'Print one JSON object a picture.')
    .addHelpText('after', examples)
    .action((pictures: string[], options: CaptionOptions) => caption(pictures, options, context));
}

const examples = `
Examples:
  darkroom caption photo.jpg
  darkroom caption photos/*.jpg --write --prefix "sks person"`;

async function caption(
  pictures: readonly string[],
  options: CaptionOptions,
  { output }: CommandContext,
): Promise<void> {
  const threshold = thresholdOf(options.threshold);
  const captioner = await findCaptioner(options.captioner, modelRoots(options.modelsDir));
  const textFile = (picture: string): string =>
    path.resolve(path.dirname(picture), `${path.basename(picture, path.extname(picture))}.txt`);
  if (options.write && !options.force) {
    for (const picture of pictures) {
      if (await stat(textFile(picture)).catch(() => undefined))
        throw new UsageError('caption.exists', `${textFile(picture)} is there already; give --force to replace it.`);
    }
  }
  const backend = createBackend('cpu');
  try {
    for (const picture of pictures) {
      const { image } = await readPictureFile(picture);
      const made = await captionPicture(backend, captioner, image, threshold);
      const text = [options.prefix ?? '', made.caption].filter((part) => part !== '').join(', ');
      if (options.write)
        await writeWholeFile(textFile(picture), Buffer.from(`${text}\n`), path.dirname(textFile(picture)));
      if (options.json) output.result(JSON.stringify({ file: picture, ...made, caption: text }));
      else output.result(pictures.length > 1 ? `${picture}: ${text}` : text);
    }
  } finally {
    await backend.dispose();
  }
}

function thresholdOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new UsageError('flag.number', `--threshold must be a number from 0 to 1; got ${JSON.stringify(text)}.`);
}
