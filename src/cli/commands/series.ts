/** `darkroom plot`, `matrix`, `prompts` and `loopback`: many pictures of varied requests, and the grid of them. */

import { randomInt } from 'node:crypto';

import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { SeriesForm } from '#pipelines/series/form';
import { expandSeries } from '#pipelines/series/forms';
import { gridText } from '#pipelines/series/grid-text';
import { loopback as loopbackForm } from '#pipelines/series/loopback';
import { matrix as matrixForm } from '#pipelines/series/matrix';
import { plot as plotForm } from '#pipelines/series/plot';
import { promptList } from '#pipelines/series/prompt-list';
import { cellRequest, placesOf, type Series } from '#pipelines/series/series';
import { readPlainText } from '#studio/files/plain-file';
import type { CommandContext, CommandModule } from '../command.ts';
import { addFlags, fieldsOf, givenFlags, readFields, type Texts } from '../fields.ts';
import type { FinishedPicture } from '../generate/picture-files.ts';
import { UsageError } from '../usage-error.ts';
import {
  addGenerateFlags,
  type Drawing,
  type GenerateOptions,
  preparedPrompts,
  requestOf,
  type SavePicture,
  saverFor,
  withDrawing,
  withProgress,
} from './generate.ts';

interface SeriesCommand {
  readonly form: SeriesForm;
  /** Usage and help of its argument before the prompt, and the field that it gives. */
  readonly argument?: readonly [usage: string, help: string];
  /** Fields that are not flags of their own. */
  readonly hidden?: readonly string[];
  readonly flags?: readonly (readonly [usage: string, help: string])[];
  /** Fields of the form and options of the request, from what was typed. */
  read(argument: string | undefined, options: GenerateOptions): Promise<{ texts?: Texts; options?: object }>;
  readonly examples: string;
}

function commandOf({ form, argument, hidden = [], flags = [], read, examples }: SeriesCommand): CommandModule {
  const fields = fieldsOf(form.schema);
  const shown = fields.filter(({ name }) => !hidden.includes(name));
  return {
    define(command: Command, context: CommandContext): void {
      if (argument) command.argument(...argument);
      command.argument('[prompt...]', 'What the pictures should show.');
      addGenerateFlags(command);
      addFlags(command, shown);
      for (const flag of flags) command.option(...flag);
      command
        .option('--grid-only', 'Keep the grid alone, not its pictures.')
        .addHelpText('after', `\nExamples:\n${examples}`)
        .action(async (...given: unknown[]) => {
          const options = command.opts<GenerateOptions>();
          const own = argument ? String(given[0]) : undefined;
          const { texts, options: more } = await read(own, options);
          const settings = readFields(form.schema, fields, { ...givenFlags(shown, options), ...texts });
          const words = (argument ? given[1] : given[0]) as readonly string[];
          await draw(form, settings, words, { ...options, ...more }, context);
        });
    },
  };
}

async function draw(
  form: SeriesForm,
  settings: Readonly<Record<string, unknown>>,
  words: readonly string[],
  options: GenerateOptions & { readonly gridOnly?: boolean },
  context: CommandContext,
): Promise<void> {
  await withProgress(options, context, async (progress) => {
    const { init, mask, latentMask, controlPictures, ...request } = await requestOf(words, options);
    const drawSeed = (): number => randomInt(2 ** 32);
    const { base, ...series } = expandSeries(form.name, settings, request, { drawSeed, hasInit: init !== undefined });
    const { first, pictures, total } = placesOf(base, series);
    if (options.gridOnly && !series.grid)
      throw new UsageError('series.no-grid', `darkroom ${form.name} makes no grid.`);
    const kept = options.gridOnly ? 1 : total;
    const save = await saverFor(options, kept, context.output);
    const prepared = await Promise.all(
      series.cells.map(async (cell) => await preparedPrompts(cellRequest(base, cell), options, progress)),
    );
    context.exitCode = await withDrawing(options, progress, kept, async (drawing) => {
      const made: (PixelImage | undefined)[] = series.cells.map(() => undefined);
      let [infotext, seed] = ['', base.seed];
      const note: SavePicture = async (picture) => {
        if (picture.index === 0) [infotext, seed] = [picture.infotext, picture.seed];
        return options.gridOnly ? '' : await save(picture);
      };
      for (const place of series.order ?? series.cells.keys()) {
        if (drawing.stopped) break;
        const from = series.cells[place]!.follows ? made[place - 1] : init;
        const pictured = { ...prepared[place]!, init: from, mask, latentMask, controlPictures };
        [made[place]] = await drawing.draw(pictured, note, first[place], !options.gridOnly);
      }
      if (series.grid)
        await keepGrid(
          series,
          made,
          { seed, infotext, index: options.gridOnly ? 0 : pictures, count: kept },
          drawing,
          save,
        );
    });
  });
}

async function keepGrid(
  series: Omit<Series, 'form'>,
  made: readonly (PixelImage | undefined)[],
  { infotext, ...facts }: Omit<FinishedPicture, 'image'>,
  drawing: Drawing,
  save: SavePicture,
): Promise<void> {
  if (made.every((picture) => picture === undefined)) return;
  const { drawGrid } = await import('#studio/images/grid');
  const image = await drawGrid(made, series.grid!);
  await drawing.keep({ ...facts, image, infotext: gridText(infotext, series) }, save);
}

const axisFlags = ['x', 'y', 'z'] as const;

/** `steps=10,20,30` */
function readAxis(flag: string, given: unknown): Texts {
  if (given === undefined) return {};
  const [, axis, values] = /^([^=]+)=(.*)$/s.exec(String(given)) ?? [];
  if (axis === undefined) throw new UsageError('series.axis', `--${flag} takes AXIS=VALUES, such as steps=10,20,30.`);
  return { [`${flag}Axis`]: axis.trim(), [`${flag}Values`]: values };
}

export const plot = commandOf({
  form: plotForm,
  hidden: axisFlags.flatMap((flag) => [`${flag}Axis`, `${flag}Values`]),
  flags: axisFlags.map((flag) => [
    `--${flag} <axis=values>`,
    `What varies along ${flag.toUpperCase()}, with its values: steps=10,20 or denoisingStrength=0.3-0.7 (+0.2).`,
  ]),
  read: async (_argument, options) => ({
    texts: Object.assign({}, ...axisFlags.map((flag) => readAxis(flag, options[flag]))) as Texts,
  }),
  examples: `\
  darkroom plot "a red fox" --x steps=5,10,20 --y "sampler=Euler,DPM++ 2M" --out plot/
  darkroom plot "a fox in the snow" --x "promptReplace=snow,sand,grass" --y "seed=1-3" --grid-only --out plot.png`,
});

export const matrix = commandOf({
  form: matrixForm,
  read: async () => ({}),
  examples: '  darkroom matrix "a fox|in the snow|at night" --seed 3 --out matrix/',
});

export const prompts = commandOf({
  form: promptList,
  argument: ['<file>', 'Text file with a prompt, or settings behind --, a line; - reads standard input.'],
  hidden: ['lines'],
  read: async (file) => ({ texts: { lines: file === '-' ? await text(process.stdin) : await readLines(file!) } }),
  examples: `\
  darkroom prompts list.txt --steps 20 --out pictures/
  echo '--prompt "a fox" --seed 3 --cfg_scale 5' | darkroom prompts - --out pictures/`,
});

export const loopback = commandOf({
  form: loopbackForm,
  argument: ['<picture>', 'The picture to begin with.'],
  read: async (picture) => ({ options: { init: picture } }),
  examples:
    '  darkroom loopback fox.png "a fox, oil painting" --loops 4 --strength 0.4 --final-strength 0.6 --out loops/',
});

async function readLines(file: string): Promise<string> {
  return await readPlainText(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new UserError('prompts.unreadable', `${JSON.stringify(file)}: ${reason}.`, { cause });
  });
}
