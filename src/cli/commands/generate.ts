/** `darkroom generate`: pictures from a prompt, from a picture, or into the masked part of one. */

import { randomInt } from 'node:crypto';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import type { PixelImage } from '#core/image';
import { checkRequest } from '#pipelines/job';
import type { GenerateEvent, GenerateRequest, PictureEngine } from '#pipelines/request';
import type { TraceEvent } from '#pipelines/trace';
import { writeWholeFile } from '#studio/files/whole-file';
import type { ImageFormat } from '#studio/images/codec';
import { preferenceOf } from '#studio/library/open-model';
import { modelRoots } from '#studio/library/roots';
import { preparePrompts } from '#studio/prompts/prepare';
import { PromptFiles } from '#studio/prompts/prompt-files';
import { devices } from '../../backend-main.ts';
import { type CommandContext, gather, modelsOption } from '../command.ts';
import { type GivenUnit, readControl } from '../generate/control-flag.ts';
import { engineFor } from '../generate/engine.ts';
import {
  checkFree,
  checkWritable,
  type FinishedPicture,
  formats,
  PictureWriter,
  pictureTarget,
} from '../generate/picture-files.ts';
import { finished, keptSteps, loading, memory, Speed, saved, stopped, warning } from '../generate/told.ts';
import { watchInterrupt } from '../interrupt.ts';
import { readPictureFile } from '../picture-file.ts';
import { createProgress, type Progress, type Told } from '../progress.ts';
import { addRequestFlags, readRequest, withPreference } from '../request-flags.ts';
import type { Output } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { wholeNumber } from '../whole-number.ts';

export interface GenerateOptions extends Record<string, unknown> {
  readonly init?: string;
  readonly latentMask?: string;
  readonly mask?: string;
  readonly control?: string[];
  readonly out?: string;
  readonly format?: ImageFormat;
  readonly modelsDir?: string[];
  readonly model?: string;
  readonly device: string;
  readonly threads?: string;
  readonly memoryBudget?: string;
  readonly memoryLimit?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly force?: boolean;
}

export function define(command: Command, context: CommandContext): void {
  command.argument('[prompt...]', 'What the picture should show; - reads it from standard input.');
  addGenerateFlags(command)
    .addHelpText('after', examples)
    .action((words: string[], options: GenerateOptions) => generate(words, options, context));
}

/** What every command that makes pictures takes. */
export function addGenerateFlags(command: Command): Command {
  addRequestFlags(command);
  return command
    .option('--init <file>', 'Start from this picture.')
    .option('--mask <file>', 'Repaint only where this picture is white (or opaque); needs --init.')
    .option('--latent-mask <file>', 'Draw the latent anew where this is white, whatever --mask shows of it.')
    .option('--control <unit>', 'Guide it by a picture: MODULE,model=NAME,image=FILE,...; may be repeated.', gather)
    .option(
      '--out <file or folder>',
      'Where to put pictures (default: outputs/<date>/); - writes one to standard output.',
    )
    .option('--force', 'Let --out replace a file.')
    .addOption(new Option('--format <format>', 'File format (default: png).').choices(formats))
    .addOption(modelsOption())
    .addOption(new Option('--device <device>', 'What to compute on.').choices(devices).default('cpu'))
    .option('--threads <n>', 'CPU threads (default: one for each core).')
    .option('--memory-budget <megabytes>', 'Memory for faster forms of the weights (default: 0).')
    .option('--memory-limit <megabytes>', 'Memory that the process may take in all (default: what is free).')
    .option('--dry-run', 'Check the request and say what memory it would take; draw nothing.')
    .option('--json', 'Print events as JSON lines.');
}

const examples = `
Examples:
  darkroom generate "a red fox in the snow" --seed 7
  darkroom generate "a fox, at night" --init fox.png --strength 0.6
  darkroom generate "a fox" --batch-count 4 --out foxes/
  darkroom generate "a fox" --control canny,model=control_canny,image=dog.png,weight=0.8,end=0.7
  echo "a fox" | darkroom generate - --out - > fox.png`;

export async function generate(
  words: readonly string[],
  options: GenerateOptions,
  context: CommandContext,
): Promise<void> {
  await withProgress(options, context, async (progress) => {
    const request = await preparedPrompts(await requestOf(words, options), options, progress);
    if (options.dryRun) await tellMemory(request, options, progress);
    else context.exitCode = await makePictures(request, options, progress, context.output);
  });
}

export async function withProgress(
  options: GenerateOptions,
  { output }: CommandContext,
  work: (progress: Progress) => Promise<void>,
): Promise<void> {
  // Where the picture itself goes to standard output, everything else is said beside it.
  const shown = options.out === '-' ? { ...output, result: output.note } : output;
  const progress = await createProgress(shown, { json: options.json, now, lineEvery: 5000, jsonEvery: 0 });
  try {
    await work(progress);
  } catch (error) {
    progress.failed(error);
    throw error;
  } finally {
    progress.close();
  }
}

const now = (): number => performance.now();

export async function requestOf(words: readonly string[], options: GenerateOptions): Promise<GenerateRequest> {
  if (words.length > 0 && options.prompt !== undefined) {
    throw new UsageError('request.prompt', 'The prompt is given twice, as an argument and as --prompt; leave one out.');
  }
  const given = words.length > 0 ? words.join(' ') : options.prompt;
  const prompt = given === '-' ? (await text(process.stdin)).trim() : given;
  const asked = readRequest({ ...options, prompt });
  const request = withPreference(asked, options, await preferenceOf(asked.model, modelRoots(options.modelsDir)));
  const init = options.init === undefined ? undefined : await readPicture('--init', options.init);
  const mask = options.mask === undefined ? undefined : await readPicture('--mask', options.mask);
  const { latentMask: latent } = options;
  const latentMask = latent === undefined ? undefined : await readPicture('--latent-mask', latent);
  const units: GivenUnit[] = [];
  for (const unit of options.control ?? []) units.push(await readControl(unit, readPicture));
  const controls = units.map(({ unit }) => unit);
  const controlPictures = units.map(({ pictures }) => pictures);
  const pictures = { ...(init && { init }), ...(mask && { mask }), ...(latentMask && { latentMask }) };
  const whole = { ...request, controls, controlPictures, ...pictures };
  checkRequest(whole);
  return whole;
}

/** Styles applied and wildcards drawn: those of the folder one is in, and of the model folders. */
export async function preparedPrompts(
  request: GenerateRequest,
  { modelsDir }: GenerateOptions,
  progress: Progress,
): Promise<GenerateRequest> {
  const seed = request.seed < 0 ? randomInt(2 ** 32) : request.seed;
  const files = new PromptFiles({ own: process.cwd(), modelRoots: modelRoots(modelsDir) });
  const prepared = await preparePrompts({ ...request, seed }, files);
  for (const message of prepared.warnings) progress.tell(warning(message));
  return prepared.request;
}

async function readPicture(flag: string, file: string): Promise<PixelImage> {
  return (await readPictureFile(file, flag)).image;
}

/** @throws UserError where nothing can be kept */
export async function saverFor(
  { out, format, force }: Pick<GenerateOptions, 'out' | 'format' | 'force'>,
  count: number,
  output: Output,
): Promise<SavePicture> {
  if (out === '-') return await streamSaver(format ?? 'png', count, output);
  const target = await pictureTarget(out, format, new Date(), force);
  await checkWritable(target.folder);
  await checkFree(target, count);
  const writer = new PictureWriter(target);
  return async (picture) => await writer.write(picture);
}

async function streamSaver(format: ImageFormat, count: number, output: Output) {
  const { bytes } = output;
  if (count > 1 || !bytes)
    throw new UsageError('out.one', 'Standard output holds one picture; give a folder as --out.');
  const { encodeImage } = await import('#studio/images/codec');
  return async ({ image, infotext }: FinishedPicture): Promise<string> => {
    await bytes(await encodeImage(image, format, infotext));
    return 'standard output';
  };
}

async function drawingEngine(options: GenerateOptions): Promise<PictureEngine> {
  const { device, modelsDir = [], model } = options;
  return await engineFor({ device, modelRoots: modelsDir, options: engineOptions(options) }, model);
}

async function tellMemory(request: GenerateRequest, options: GenerateOptions, progress: Progress): Promise<void> {
  const engine = await drawingEngine(options);
  try {
    const event = await engine.estimate?.(request);
    if (event) progress.tell({ ...memory(event), result: memory(event).note, note: undefined });
    else progress.tell(warning(`What a job takes on ${options.device} cannot be told; on cpu it can.`));
  } finally {
    await engine.dispose();
  }
}

/** Returns what the process is to exit with. */
async function makePictures(
  request: GenerateRequest,
  options: GenerateOptions,
  progress: Progress,
  output: Output,
): Promise<number> {
  const count = request.batchSize * request.batchCount;
  const save = await saverFor(options, count, output);
  return await withDrawing(options, progress, count, async (drawing) => {
    await drawing.draw(request, save);
  });
}

/** How a finished picture is kept; resolves to where it is. */
export type SavePicture = (picture: FinishedPicture) => Promise<string>;

/** Draws requests one after the other, with one engine. */
export interface Drawing {
  /** Set once the user has asked to stop. */
  readonly stopped: boolean;
  /** Pictures that were made, in order; `first` is the place of the first one. Fewer where it was stopped. */
  draw(request: GenerateRequest, save: SavePicture, first?: number, isTold?: boolean): Promise<PixelImage[]>;
  /** Keeps a picture that was made of others. */
  keep(picture: FinishedPicture, save: SavePicture): Promise<void>;
}

/** `total`: pictures that there are to be. Returns what the process is to exit with. */
export async function withDrawing(
  options: GenerateOptions,
  progress: Progress,
  total: number,
  work: (drawing: Drawing) => Promise<void>,
): Promise<number> {
  const started = now();
  const engine = await drawingEngine(options);
  const interrupt = watchInterrupt();
  const drawing = new EngineDrawing({ engine, interrupt, progress, total });
  try {
    await work(drawing);
    const cut = drawing.stopped && drawing.pictures < total;
    progress.tell(cut ? stopped(drawing.pictures) : finished(drawing.pictures, (now() - started) / 1000));
    return cut ? interrupt.exitCode : 0;
  } finally {
    interrupt.release();
    await engine.dispose();
  }
}

interface DrawingParts {
  readonly engine: PictureEngine;
  readonly interrupt: ReturnType<typeof watchInterrupt>;
  readonly progress: Progress;
  readonly total: number;
}

class EngineDrawing implements Drawing {
  /** That were told. */
  pictures = 0;
  readonly #parts: DrawingParts;
  readonly #speed = new Speed(now);

  constructor(parts: DrawingParts) {
    this.#parts = parts;
  }

  get stopped(): boolean {
    return this.#parts.interrupt.signal.aborted;
  }

  async draw(request: GenerateRequest, save: SavePicture, first = 0, isTold = true): Promise<PixelImage[]> {
    const { engine, interrupt, progress, total } = this.#parts;
    const made: PixelImage[] = [];
    const steps: TraceEvent[] = [];
    for await (const event of engine.generate(request, { signal: interrupt.signal })) {
      if (event.type === 'trace') steps.push(event);
      else if (event.type === 'image') {
        const { image, seed, infotext } = event;
        const picture = { image, index: first + event.index, seed, infotext, count: total };
        const file = await save(picture);
        if (event.index === 0 && steps.length > 0) progress.tell(await writeSteps(file, steps));
        if (isTold) this.#tell(file, picture);
        made.push(image);
      } else report(event, progress, this.#speed);
      await interrupt.turn();
    }
    return made;
  }

  async keep(picture: FinishedPicture, save: SavePicture): Promise<void> {
    this.#tell(await save(picture), picture);
  }

  #tell(file: string, { image: { width, height }, ...rest }: FinishedPicture): void {
    this.#parts.progress.tell(saved({ file, ...rest, width, height }));
    this.pictures++;
  }
}

/** Beside the first picture. @returns what to tell */
async function writeSteps(picture: string, steps: readonly TraceEvent[]): Promise<Told> {
  if (!path.isAbsolute(picture)) return warning('--keep-steps needs a file as --out; the steps were not kept.');
  const { keptStep } = await import('#studio/gallery/kept-steps');
  const { dir, name } = path.parse(picture);
  const file = path.join(dir, `${name}.steps.json`);
  const kept = [];
  for (const step of steps) kept.push(await keptStep(step));
  await writeWholeFile(file, Buffer.from(JSON.stringify(kept)), dir);
  return keptSteps(file, kept.length);
}

function report(event: GenerateEvent, progress: Progress, speed: Speed): void {
  // The end of a load is told with its bytes; one line for each is enough.
  const begins = event.type === 'loading' && (event.bytes ?? 0) === 0;
  if (begins) progress.tell(loading(event.part, event.totalBytes));
  else if (event.type === 'step') progress.step(speed.step(event));
  else if (event.type === 'memory') progress.tell(memory(event));
  else if (event.type === 'warning') progress.tell(warning(event.message));
}

function engineOptions({ threads, memoryBudget, memoryLimit }: GenerateOptions): Record<string, number> {
  return {
    ...(threads !== undefined && { threads: wholeNumber('--threads', threads, 1, 1024) }),
    ...(memoryBudget !== undefined && { memoryBudget: wholeNumber('--memory-budget', memoryBudget, 0, 1e6) * 1e6 }),
    ...(memoryLimit !== undefined && { memoryLimit: wholeNumber('--memory-limit', memoryLimit, 1, 1e7) * 1e6 }),
  };
}
