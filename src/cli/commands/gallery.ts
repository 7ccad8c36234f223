/** `darkroom gallery`: finds, shows, rates, tags and throws away pictures, beside a running server or without one. */

import { type Command, Option } from 'commander';
import { UserError } from '#core/errors';
import type { GalleryImage, ImageQuery } from '#studio/gallery/image';
import { type CommandContext, gather } from '../command.ts';
import { addFolderOptions, type FolderOptions, type OpenStudioFolder, withStudioFolder } from '../studio-folder.ts';
import { columns, formatTime, type Output, oneLine } from '../terminal.ts';
import { wholeNumber } from '../whole-number.ts';

interface CommonOptions extends FolderOptions {
  readonly json?: boolean;
}

interface SearchOptions extends CommonOptions {
  readonly model?: string;
  readonly sampler?: string;
  readonly from?: string;
  readonly to?: string;
  readonly minRating?: string;
  readonly tag?: string[];
  readonly board?: string;
  readonly user?: string;
  readonly job?: string;
  readonly trashed?: boolean;
  readonly order?: NonNullable<ImageQuery['order']>;
  readonly limit: string;
}

/** A picture, and where its file is. */
type Found = GalleryImage & { readonly file: string };

const pageSize = 500;

export function define(command: Command, { output }: CommandContext): void {
  const sub = (usage: string, summary: string): Command =>
    addFolderOptions(command.command(usage).description(summary)).option('--json', 'Print one JSON object a line.');
  defineSearch(
    sub('search [words...]', 'Pictures whose prompt has these words ("a phrase", -without); all without any.'),
  ).action(async (words: string[], options: SearchOptions) => await search(words, options, output));
  sub('show <picture>', 'Everything about one picture.').action(async (id: string, options: CommonOptions) => {
    const found = await withStudioFolder(options, async (folder) => await locate(folder, folder.gallery.get(id)));
    output.result(options.json ? JSON.stringify(found) : describe(found));
  });
  defineChanges(sub, output);
  defineTrash(sub, output);
}

function defineSearch(command: Command): Command {
  return command
    .option('--model <name>', 'Made with this model (name or hash).')
    .option('--sampler <name>', 'Made with this sampler.')
    .option('--from <date>', 'Not before this day or time, e.g. 2026-11-23 or 2026-11-23T14:00.')
    .option('--to <date>', 'Not after this day or time.')
    .option('--min-rating <n>', 'With at least so many stars.')
    .option('--tag <tag>', 'With this tag; of several, all.', gather)
    .option('--board <name>', 'On this board (name or id).')
    .option('--user <name>', 'Of this account.')
    .option('--job <id>', 'Of this job.')
    .option('--trashed', 'In the trash instead of in the gallery.')
    .addOption(new Option('--order <order>', 'Which first (default: newest).').choices(['newest', 'oldest', 'rating']))
    .option('--limit <n>', 'At most so many.', '50');
}

type Sub = (usage: string, summary: string) => Command;

function defineChanges(sub: Sub, output: Output): void {
  sub('rate <picture> <stars>', 'Give 1 to 5 stars, or 0 for none.').action(
    async (id: string, stars: string, options: CommonOptions) => {
      const rating = wholeNumber('A rating', stars, 0, 5);
      await withStudioFolder(options, async (folder) => {
        await print(folder, [folder.gallery.rate(id, rating)], options, output);
      });
    },
  );
  sub('tag <picture> [tags...]', 'Add tags.')
    .option('--remove', 'Take these tags away instead.')
    .option('--replace', 'Let it have these tags only.')
    .action(async (id: string, tags: string[], options: CommonOptions & { remove?: boolean; replace?: boolean }) => {
      await withStudioFolder(options, async (folder) => {
        const before = folder.gallery.get(id).tags;
        await print(folder, [folder.gallery.setTags(id, newTags(before, tags, options))], options, output);
      });
    });
  sub('tags', 'Every tag, with the number of its pictures.').action(async (options: CommonOptions) => {
    const tags = await withStudioFolder(options, ({ gallery }) => gallery.tags());
    const lines = tags.map(({ tag, images }) => [String(images), tag]);
    for (const line of options.json ? tags.map((tag) => JSON.stringify(tag)) : columns(lines)) output.result(line);
  });
}

function defineTrash(sub: Sub, output: Output): void {
  for (const [verb, summary] of [
    ['trash', 'Move pictures to the trash; restore brings them back.'],
    ['restore', 'Bring pictures back from the trash.'],
  ] as const) {
    sub(`${verb} <pictures...>`, summary).action(async (ids: string[], options: CommonOptions) => {
      await withStudioFolder(options, async (folder) => {
        for (const id of ids) folder.gallery.get(id);
        await folder.gallery[verb](ids);
        const images = ids.map((id) => folder.gallery.get(id));
        await print(folder, images, options, output);
      });
    });
  }
  sub('empty-trash', 'Remove what is in the trash for good.')
    .option('--older-than <days>', 'Only what has been there for so many days.', '0')
    .action(async (options: CommonOptions & { olderThan: string }) => {
      const days = wholeNumber('--older-than', options.olderThan, 0, 100_000);
      const removed = await withStudioFolder(
        options,
        async ({ gallery }) => await gallery.purge({ before: Date.now() + 1 - days * 86_400_000 }),
      );
      output.result(options.json ? JSON.stringify({ removed }) : `${removed} removed`);
    });
}

async function search(words: readonly string[], options: SearchOptions, output: Output): Promise<void> {
  const limit = wholeNumber('--limit', options.limit, 1, 1_000_000);
  await withStudioFolder(options, async (folder) => {
    const query = queryOf(folder, words, options);
    let left = limit;
    let cursor: string | undefined;
    do {
      const from = cursor === undefined ? {} : { cursor };
      const page = folder.gallery.search({ ...query, ...from, limit: Math.min(left, pageSize) });
      await print(folder, page.images, options, output);
      left -= page.images.length;
      cursor = page.cursor;
    } while (cursor !== undefined && left > 0);
    if (options.json) return;
    const total = folder.gallery.count(query);
    output.note(`${total - Math.max(0, total - limit)} of ${total} pictures`);
  });
}

function queryOf(folder: OpenStudioFolder, words: readonly string[], options: SearchOptions): ImageQuery {
  const { model, sampler, user, job, order, trashed, tag } = options;
  const given = {
    text: words.length === 0 ? undefined : words.join(' '),
    model,
    sampler,
    user,
    job,
    order,
    trashed,
    tags: tag?.map((each) => each.trim().toLowerCase()),
    from: options.from === undefined ? undefined : timeOf('--from', options.from, 'start'),
    to: options.to === undefined ? undefined : timeOf('--to', options.to, 'end'),
    minRating: options.minRating === undefined ? undefined : wholeNumber('--min-rating', options.minRating, 0, 5),
    board: options.board === undefined ? undefined : boardOf(folder, options.board),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A day stands for its first or its last moment, both local. */
function timeOf(flag: string, text: string, edge: 'start' | 'end'): number {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const time = Date.parse(isDay ? `${text}T${edge === 'start' ? '00:00:00.000' : '23:59:59.999'}` : text);
  if (!Number.isNaN(time) && /^\d{4}-\d{2}-\d{2}/.test(text)) return time;
  throw new UserError('flag.date', `${flag} must be a day like 2026-11-23 or a time; got ${JSON.stringify(text)}.`);
}

function boardOf({ boards }: OpenStudioFolder, wanted: string): string {
  const all = boards.list();
  const found = all.filter(({ id, name }) => id === wanted || name.toLowerCase() === wanted.trim().toLowerCase());
  if (found.length === 1) return found[0]!.id;
  const known = all.map(({ id, name, user }) => `${name} (${user}, ${id})`).join(', ');
  const what = found.length > 1 ? 'Several boards are' : 'No board is';
  throw new UserError(
    'board.unknown',
    `${what} called ${JSON.stringify(wanted)}; give one by its id: ${known || 'none'}.`,
  );
}

function newTags(
  before: readonly string[],
  given: readonly string[],
  { remove, replace }: { readonly remove?: boolean; readonly replace?: boolean },
): readonly string[] {
  if (remove && replace) throw new UserError('gallery.tags', '--remove and --replace contradict each other.');
  if (replace) return given;
  if (given.length === 0) throw new UserError('gallery.tags', 'Name the tags.');
  const clean = given.map((tag) => tag.trim().toLowerCase());
  return remove ? before.filter((tag) => !clean.includes(tag)) : [...before, ...clean];
}

/** Files that are gone are still told of, by the path they had. */
async function locate({ gallery }: OpenStudioFolder, image: GalleryImage): Promise<Found> {
  const file = await gallery.file(image.id).catch((error: unknown) => {
    if (error instanceof UserError && error.code === 'image.gone') return image.path;
    throw error;
  });
  return { ...image, file };
}

async function print(
  folder: OpenStudioFolder,
  images: readonly GalleryImage[],
  { json }: CommonOptions,
  output: Output,
): Promise<void> {
  const found: Found[] = [];
  for (const image of images) found.push(await locate(folder, image));
  for (const line of json ? found.map((each) => JSON.stringify(each)) : columns(found.map(rowOf))) output.result(line);
}

function rowOf({ id, createdAt, width, height, rating, tags, prompt, file }: Found): string[] {
  const stars = '*'.repeat(rating).padEnd(5);
  const marks = tags.length === 0 ? '' : ` [${tags.join(', ')}]`;
  return [id, formatTime(createdAt), `${width}x${height}`, stars, file, `${oneLine(prompt, 50)}${marks}`];
}

function describe(image: Found): string {
  const { rating, tags, boards, trashedAt, job, user, bytes, format, infotext } = image;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['file', image.file],
    ['made', `${formatTime(image.createdAt)} by ${user}${job === undefined ? '' : ` (job ${job})`}`],
    ['size', `${image.width}x${image.height}, ${format}, ${bytes} bytes`],
    ['rating', rating === 0 ? 'none' : String(rating)],
    ['tags', tags.join(', ') || 'none'],
    ['boards', boards.join(', ') || undefined],
    ['in the trash since', trashedAt === undefined ? undefined : formatTime(trashedAt)],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  const text = infotext === '' ? ['infotext: none'] : ['infotext:', ...infotext.split('\n').map((line) => `  ${line}`)];
  return [...lines, ...text].join('\n');
}
