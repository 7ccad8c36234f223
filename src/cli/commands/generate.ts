/** `darkroom generate`: pictures from a prompt, from a picture, or into the masked part of one. */

import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { type Command, Option } from 'commander';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { checkRequest } from '#pipelines/job';
import type { GenerateEvent, GenerateRequest } from '#pipelines/request';
import type { ImageFormat } from '#studio/images/codec';
import { preparePrompts } from '#studio/prompts/prepare';
import { PromptFiles } from '#studio/prompts/prompt-files';
import { type CommandContext, gather } from '../command.ts';
import { createEngine, devices } from '../engine.ts';
import { checkWritable, formats, PictureWriter, pictureTarget } from '../generate/picture-files.ts';
import { barReporter, jsonReporter, plainReporter, type Reporter } from '../generate/reporter.ts';
import { watchInterrupt } from '../interrupt.ts';
import { modelRoots } from '../model-roots.ts';
import { addRequestFlags, readRequest } from '../request-flags.ts';
import { describeError, errorCode, type Output } from '../terminal.ts';

interface GenerateOptions extends Record<string, unknown> {
  readonly init?: string;
  readonly mask?: string;
  readonly out?: string;
  readonly format?: ImageFormat;
  readonly modelsDir?: string[];
  readonly device: string;
  readonly threads?: string;
  readonly memoryBudget?: string;
  readonly json?: boolean;
}

export function define(command: Command, context: CommandContext): void {
  command.argument('[prompt...]', 'What the picture should show.');
  addRequestFlags(command);
  command
    .option('--init <file>', 'Start from this picture.')
    .option('--mask <file>', 'Repaint only where this picture is white (or opaque); needs --init.')
    .option('--out <file or folder>', 'Where to put pictures (default: outputs/<date>/).')
    .addOption(new Option('--format <format>', 'File format (default: png).').choices(formats))
    .option('--models-dir <folder>', 'One more folder with models; may be repeated.', gather)
    .addOption(new Option('--device <device>', 'What to compute on.').choices(devices).default('cpu'))
    .option('--threads <n>', 'CPU threads (default: one for each core).')
    .option('--memory-budget <megabytes>', 'Memory for faster forms of the weights (default: 0).')
    .option('--json', 'Print events as JSON lines.')
    .action((words: string[], options: GenerateOptions) => generate(words, options, context));
}

async function generate(words: readonly string[], options: GenerateOptions, context: CommandContext): Promise<void> {
  const reporter = await reporterFor(options, context.output);
  try {
    const request = await preparedPrompts(await requestOf(words, options), options, reporter);
    context.exitCode = await makePictures(request, options, reporter);
  } catch (error) {
    reporter.failed(errorCode(error), describeError(error));
    throw error;
  } finally {
    reporter.close();
  }
}

const now = (): number => performance.now();

async function reporterFor({ json }: GenerateOptions, output: Output): Promise<Reporter> {
  if (json) return jsonReporter(output);
  return output.interactive ? await barReporter(output, now) : plainReporter(output, now);
}

async function requestOf(words: readonly string[], options: GenerateOptions): Promise<GenerateRequest> {
  if (words.length > 0 && options.prompt !== undefined) {
    throw new UserError('request.prompt', 'The prompt is given twice, as an argument and as --prompt; leave one out.');
  }
  const prompt = words.length > 0 ? words.join(' ') : options.prompt;
  const request = readRequest({ ...options, prompt });
  const init = options.init === undefined ? undefined : await readPicture('--init', options.init);
  const mask = options.mask === undefined ? undefined : await readPicture('--mask', options.mask);
  const whole = { ...request, ...(init && { init }), ...(mask && { mask }) };
  checkRequest(whole);
  return whole;
}

/** Styles applied and wildcards drawn: those of the folder one is in, and of the model folders. */
async function preparedPrompts(
  request: GenerateRequest,
  { modelsDir }: GenerateOptions,
  reporter: Reporter,
): Promise<GenerateRequest> {
  const seed = request.seed < 0 ? randomInt(2 ** 32) : request.seed;
  const files = new PromptFiles(process.cwd(), modelRoots(modelsDir));
  const prepared = await preparePrompts({ ...request, seed }, files);
  for (const warning of prepared.warnings) reporter.warning(warning);
  return prepared.request;
}

async function readPicture(flag: string, file: string): Promise<PixelImage> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new UserError('picture.unreadable', `${flag} ${JSON.stringify(file)}: ${reason}.`, { cause });
  });
  const { decodeImage } = await import('#studio/images/codec');
  try {
    return (await decodeImage(bytes)).image;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.code, `${flag} ${JSON.stringify(file)}: ${error.message}`, { cause: error });
  }
}

/** Returns what the process is to exit with. */
async function makePictures(request: GenerateRequest, options: GenerateOptions, reporter: Reporter): Promise<number> {
  const started = now();
  const target = await pictureTarget(options.out, options.format, new Date());
  await checkWritable(target.folder);
  const engine = createEngine({
    device: options.device,
    modelRoots: options.modelsDir ?? [],
    options: engineOptions(options),
  });
  const interrupt = watchInterrupt(() => {});
  try {
    const writer = new PictureWriter(target);
    const count = request.batchSize * request.batchCount;
    let pictures = 0;
    for await (const event of engine.generate(request, { signal: interrupt })) {
      if (event.type === 'image') {
        const { image, index, seed, infotext } = event;
        const file = await writer.write({ image, index, seed, infotext, count });
        reporter.saved({ file, index, seed, width: image.width, height: image.height, infotext });
        pictures++;
      } else report(event, reporter);
      await interrupt.turn();
    }
    const stopped = interrupt.aborted && pictures < count;
    if (stopped) reporter.stopped(pictures);
    else reporter.finished(pictures, (now() - started) / 1000);
    return stopped ? interrupt.exitCode : 0;
  } finally {
    interrupt.release();
    await engine.dispose();
  }
}

function report(event: GenerateEvent, reporter: Reporter): void {
  // The end of a load is told with its bytes; one line for each is enough.
  const begins = event.type === 'loading' && (event.bytes ?? 0) === 0;
  if (begins) reporter.loading(event.part, event.totalBytes);
  else if (event.type === 'step') reporter.step(event);
  else if (event.type === 'warning') reporter.warning(event.message);
}

function engineOptions({ threads, memoryBudget }: GenerateOptions): Record<string, number> {
  return {
    ...(threads !== undefined && { threads: wholeNumber('--threads', threads, 1, 1024) }),
    ...(memoryBudget !== undefined && { memoryBudget: wholeNumber('--memory-budget', memoryBudget, 0, 1e6) * 1e6 }),
  };
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const message = `${flag} must be a whole number from ${least} to ${most}; got ${JSON.stringify(text)}.`;
  throw new UserError('request.number', message);
}
