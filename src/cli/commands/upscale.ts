/** `darkroom upscale`: one picture or several, enlarged by the upscaler that comes with Darkroom or one of the user's. */

import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Command, Option } from 'commander';
import type { GenerateEvent, PictureEngine } from '#pipelines/request';
import { type UpscaleSettings, upscaleSchema } from '#pipelines/upscale/request';
import { longestUpscaledSide } from '#pipelines/upscale/upscalers';
import { devices } from '../../backend-main.ts';
import { createEngine } from '../../engine-main.ts';
import { type CommandContext, modelsOption } from '../command.ts';
import { checkUsable } from '../doctor/usable.ts';
import { addFlags, fieldsOf, givenFlags, readFields } from '../fields.ts';
import { checkFree, checkWritable, formats, PictureWriter, pictureTarget } from '../generate/picture-files.ts';
import { finished, loading, Speed, saved, stopped, warning } from '../generate/told.ts';
import { type Interrupt, watchInterrupt } from '../interrupt.ts';
import { readPictureFile } from '../picture-file.ts';
import { createProgress, type Progress } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { wholeNumber } from '../whole-number.ts';

interface UpscaleOptions extends Record<string, unknown> {
  readonly to?: string;
  readonly out?: string;
  readonly format?: (typeof formats)[number];
  readonly modelsDir?: string[];
  readonly device: string;
  readonly threads?: string;
  readonly json?: boolean;
  readonly force?: boolean;
}

const fields = fieldsOf(upscaleSchema).map((field) =>
  field.name === 'upscaler2' ? { ...field, flag: 'blend' } : field,
);

export function define(command: Command, context: CommandContext): void {
  command.argument('<pictures...>', 'Picture files.');
  addFlags(command, fields);
  command
    .option('--to <width x height>', 'Enlarge to this size, such as 2048x2048, 2048x or x2048.')
    .option('--out <file or folder>', 'Where to put pictures (default: beside each, as NAME-upscaled).')
    .option('--force', 'Let --out replace a file.')
    .addOption(new Option('--format <format>', 'File format (default: png).').choices(formats))
    .addOption(modelsOption())
    .addOption(new Option('--device <device>', 'What to compute on.').choices(devices).default('cpu'))
    .option('--threads <n>', 'CPU threads (default: one for each core).')
    .option('--json', 'Print events as JSON lines.')
    .addHelpText('after', examples)
    .action((files: string[], options: UpscaleOptions) => upscale(files, options, context));
}

const examples = `
Examples:
  darkroom upscale photo.jpg --by 4
  darkroom upscale fox.png --to 2048x2048 --upscaler 4x-UltraSharp --out large.png
  darkroom upscale a.png b.png --by 2 --blend Lanczos --visibility 0.3`;

const now = (): number => performance.now();

async function upscale(files: readonly string[], options: UpscaleOptions, context: CommandContext): Promise<void> {
  const { output } = context;
  const progress = await createProgress(output, { json: options.json, now, lineEvery: 5000, jsonEvery: 0 });
  const interrupt = watchInterrupt(() => {});
  let engine: PictureEngine | undefined;
  try {
    const settings = settingsOf(options);
    await checkUsable(options.device);
    engine = createEngine({
      device: options.device,
      modelRoots: options.modelsDir ?? [],
      options: options.threads === undefined ? {} : { threads: wholeNumber('--threads', options.threads, 1, 1024) },
    });
    const made = await enlargeAll(files, settings, { options, engine, progress, interrupt });
    if (interrupt.signal.aborted) {
      progress.tell(stopped(made));
      context.exitCode = interrupt.exitCode;
    }
  } catch (error) {
    progress.failed(error);
    throw error;
  } finally {
    interrupt.release();
    progress.close();
    await engine?.dispose();
  }
}

/** @throws UsageError */
function settingsOf({ to, ...options }: UpscaleOptions): UpscaleSettings {
  const settings = readFields(upscaleSchema, fields, givenFlags(fields, options));
  if (to === undefined) return settings;
  const [, width, height] = /^(\d*)x(\d*)$/i.exec(to.replaceAll(/\s/g, '')) ?? [];
  if (!width && !height) {
    throw new UsageError('request.invalid', `--to must be a size like 2048x2048, 2048x or x2048; got ${to}.`);
  }
  const sides = { width: width ? Number(width) : undefined, height: height ? Number(height) : undefined };
  const sized = upscaleSchema.safeParse({ ...settings, ...sides });
  if (sized.success) return sized.data;
  throw new UsageError(
    'request.invalid',
    `--to: width and height go from 1 to ${longestUpscaledSide} pixels; got ${to}.`,
  );
}

interface Work {
  readonly options: UpscaleOptions;
  readonly engine: PictureEngine;
  readonly progress: Progress;
  readonly interrupt: Interrupt;
}

/** Returns how many pictures were made. */
async function enlargeAll(
  files: readonly string[],
  settings: UpscaleSettings,
  { options, engine, progress, interrupt }: Work,
): Promise<number> {
  const started = now();
  let made = 0;
  for (const file of files) {
    const { image: init, infotext } = await readPictureFile(file);
    const write = await writerFor(file, files.length, made, options);
    const speed = new Speed(now);
    for await (const event of engine.upscale({ ...settings, init, infotext }, { signal: interrupt.signal })) {
      if (event.type === 'image') {
        const { image } = event;
        const path = await write(event);
        const { width, height } = image;
        progress.tell(saved({ file: path, index: made, seed: 0, width, height, infotext: event.infotext }));
        made++;
      } else if (event.type === 'step') progress.step(speed.step(event));
      else if (event.type === 'warning') progress.tell(warning(event.message));
      else if (event.type === 'loading') progress.tell(loading(event.part, event.totalBytes));
      await interrupt.turn();
    }
    if (interrupt.signal.aborted) return made;
  }
  progress.tell(finished(made, (now() - started) / 1000));
  return made;
}

/** Beside the picture, unless `--out` says otherwise. */
async function writerFor(file: string, count: number, index: number, { out, format, force }: UpscaleOptions) {
  const beside = `${file.slice(0, file.length - path.extname(file).length)}-upscaled.${format === 'jpeg' ? 'jpg' : (format ?? 'png')}`;
  const target = await pictureTarget(out ?? beside, format, new Date(), force);
  await checkWritable(target.folder);
  const numbered = out !== undefined && count > 1;
  await checkFree(target, numbered ? count : 1);
  const writer = new PictureWriter(target);
  return ({ image, infotext }: Extract<GenerateEvent, { type: 'image' }>) =>
    writer.write({ image, infotext, seed: 0, index: numbered ? index : 0, count: numbered ? count : 1 });
}
