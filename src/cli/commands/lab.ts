/**
 * `darkroom lab lenet|compare`: the lab's experiments, with their settings as flags. Called again in the same folder, an
 * experiment goes on where it was stopped. `darkroom lab zip PICTURE` reads a line of digits.
 */

import path from 'node:path';
import type { Command } from 'commander';
import {
  type ExperimentName,
  experimentNames,
  experimentTitles,
  labRequestSchema,
  labRequests,
} from '#lab/experiments';
import type { LabHost } from '#studio/lab/lab-host';
import { createBackend } from '../../backend-main.ts';
import type { CommandContext } from '../command.ts';
import { addFlags, fieldsOf, givenFlags, readFields } from '../fields.ts';
import { watchInterrupt } from '../interrupt.ts';
import { readPictureFile } from '../picture-file.ts';
import type { Output } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { wholeNumber } from '../whole-number.ts';

const examples = `
Examples:
  darkroom lab lenet                          train LeNet-5 on MNIST and test it
  darkroom lab compare                        GAN against diffusion, 60 runs; Ctrl-C stops, the same command goes on
  darkroom lab compare --quick                the same in seconds, to see that it works
  darkroom lab lenet --data FOLDER            MNIST's four files from a folder of yours
  darkroom lab zip envelope.jpg               read a line of handwritten digits
  darkroom lab zip --example line.png         write such a line from MNIST's test digits, and read it`;

export function define(command: Command, context: CommandContext): void {
  command.addHelpText('after', examples);
  for (const name of experimentNames) defineExperiment(command, name, context);
  defineZip(command, context);
}

const folderOf = (experiment: ExperimentName): string => path.join('lab', experiment);
const lenetFolder = folderOf('lenet');

interface LabOptions extends Readonly<Record<string, unknown>> {
  readonly out: string;
  readonly every: string;
}

function defineExperiment(parent: Command, experiment: ExperimentName, context: CommandContext): void {
  const schema = labRequests[experiment];
  const fields = fieldsOf(schema);
  const command = parent
    .command(experiment)
    .description(experimentTitles[experiment].about)
    .option('--out <folder>', 'Where everything is kept.', folderOf(experiment))
    .option('--every <n>', 'Steps between two lines.', '200');
  addFlags(command, fields);
  command.action(async (options: LabOptions) => {
    const settings = readFields(schema, fields, givenFlags(fields, options));
    await runLab({ ...settings, experiment }, options, context);
  });
}

async function runLab(asked: object, { out, every }: LabOptions, context: CommandContext): Promise<void> {
  const { output } = context;
  const request = labRequestSchema.parse(asked);
  const { runExperiment } = await import('#studio/lab/experiments');
  const interrupt = watchInterrupt(() => output.note('Stopping after this step; what is done is kept.'));
  const backend = createBackend('cpu', { threads: request.threads });
  const folder = path.resolve(out);
  const between = Math.max(Number(every) || 200, 1);
  try {
    const { isDone, page } = await runExperiment(request, {
      backend,
      folder,
      threads: request.threads,
      signal: interrupt.signal,
      log: (line) => output.result(line),
      report: trainingNotes(output, between),
    });
    context.exitCode = interrupt.exitCode;
    if (!isDone) output.note('Not all is done; the same command goes on from here.');
    if (page) output.note(`The page about it: ${path.join(folder, page)}`);
  } finally {
    interrupt.release();
    await backend.dispose();
  }
}

/** A line now and then about the training that is at work. */
function trainingNotes(output: Output, every: number): NonNullable<LabHost['report']> {
  return (what, { step, steps, metrics }) => {
    if (step % every !== 0 && step !== steps) return;
    const values = Object.entries(metrics).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
    output.note(`${what}  step ${step}/${steps}  ${values.join('  ')}`);
  };
}

interface ZipOptions {
  readonly out: string;
  readonly example?: string;
  readonly seed: string;
  readonly seen?: string;
  readonly data?: string;
  readonly json?: boolean;
}

function defineZip(parent: Command, context: CommandContext): void {
  parent
    .command('zip')
    .description('Read a line of handwritten digits, such as the zip code of an envelope.')
    .argument('[picture]', 'Picture of one line.')
    .option(
      '--out <folder>',
      'Where the trained network is kept; it is trained first where there is none.',
      lenetFolder,
    )
    .option('--example <file>', 'First write a line of five test digits there, in place of a picture of yours.')
    .option('--seed <n>', 'Which digits the example has.', '1')
    .option('--seen <file>', 'Write what the network sees of each digit.')
    .option('--data <folder>', 'Folder with MNIST’s four IDX files.')
    .option('--json', 'Print one JSON object.')
    .action((picture: string | undefined, options: ZipOptions) => readLineOf(picture, options, context));
}

async function readLineOf(picture: string | undefined, options: ZipOptions, context: CommandContext): Promise<void> {
  const { output } = context;
  const { readZip, writeExampleLine, writeSeen } = await import('#studio/lab/zip');
  const file = options.example ?? picture;
  if (file === undefined || (options.example !== undefined && picture !== undefined)) {
    throw new UsageError('lab.zip', 'Give a picture of a line, or --example FILE to have one written.');
  }
  if (options.example !== undefined) {
    const written = await writeExampleLine(file, wholeNumber('--seed', options.seed, 0, 2 ** 31), options.data);
    output.note(`Written in ${file}: ${written}`);
  }
  const { image } = await readPictureFile(file);
  const backend = createBackend('cpu');
  const interrupt = watchInterrupt(() => output.note('Stopping after this step; what is done is kept.'));
  try {
    const line = await readZip(image, {
      backend,
      folder: path.resolve(options.out),
      data: options.data,
      signal: interrupt.signal,
      log: (text) => output.note(text),
      report: trainingNotes(output, 200),
    });
    context.exitCode = interrupt.exitCode;
    if (!line) return;
    if (options.seen !== undefined) await writeSeen(options.seen, line);
    const { text, signs } = line;
    if (options.json) output.result(JSON.stringify({ text, signs }));
    else {
      output.result(text);
      const doubtful = signs.filter(({ confidence }) => confidence < 0.9).map(({ text: sign }) => sign);
      if (signs.length === 0) output.note('No digits were found.');
      else if (doubtful.length > 0) output.note(`Not sure of: ${doubtful.join(' ')}`);
    }
  } finally {
    interrupt.release();
    await backend.dispose();
  }
}
