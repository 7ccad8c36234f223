/** `darkroom library`: the models in the model folders with their hashes and cards, and the gallery's index anew. */

import path from 'node:path';
import { type Command, Option } from 'commander';
import { UserError } from '#core/errors';
import type { Emit } from '#studio/events/bus';
import type { RebuildReport } from '#studio/gallery/image';
import { rebuildGallery } from '#studio/gallery/rebuild';
import { type ModelKind, modelKinds } from '#studio/library/layout';
import { Library } from '#studio/library/library';
import type { LibraryEvents, LibraryModel, ModelQuery } from '#studio/library/model';
import { ModelTrash, type TrashedModel } from '#studio/library/trash';
import { type CommandContext, gather } from '../command.ts';
import { watchInterrupt } from '../interrupt.ts';
import { defaultModel, modelRoots, ownModels } from '../model-roots.ts';
import { addFolderOptions, type FolderOptions, type OpenStudioFolder, withStudioFolder } from '../studio-folder.ts';
import { columns, formatBytes, formatTime, type Output, oneLine } from '../terminal.ts';

interface CommonOptions extends FolderOptions {
  readonly modelsDir?: string[];
  readonly json?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly kind?: ModelKind;
  readonly family?: string;
}

export function define(command: Command, context: CommandContext): void {
  const { output } = context;
  const sub = (usage: string, summary: string): Command =>
    addFolderOptions(command.command(usage).description(summary)).option('--json', 'Print one JSON object a line.');
  const models = (usage: string, summary: string): Command =>
    sub(usage, summary).option('--models-dir <folder>', 'One more folder with models; may be repeated.', gather);
  models('list [words...]', 'Models, told from their headers; with words, those whose name or card has them.')
    .addOption(new Option('--kind <kind>', 'Only these.').choices(modelKinds))
    .option('--family <family>', 'Only those of this family, e.g. sd1.')
    .action(async (words: string[], options: ListOptions) => await list(words, options, output));
  models('info <model>', 'Everything that is known about a model (name, file name, id or hash).').action(
    async (name: string, options: CommonOptions) => await info(name, options, output),
  );
  models('hash [models...]', 'Compute the hashes of models, or of all that have none yet.').action(
    async (names: string[], options: CommonOptions) => await hash(names, options, context),
  );
  models('remove <models...>', 'Move models to the trash of their folder.').action(
    async (names: string[], options: CommonOptions) =>
      await move(
        names,
        options,
        output,
        async (library, trash, name) => await trash.remove(modelNamed(library, name).id),
      ),
  );
  models('restore <models...>', 'Bring models back from the trash (name, or id there).').action(
    async (names: string[], options: CommonOptions) =>
      await move(
        names,
        options,
        output,
        async (_library, trash, name) => await trash.restore(await trashed(trash, name)),
      ),
  );
  models('purge <models...>', 'Remove models in the trash for good (name, or id there).').action(
    async (names: string[], options: CommonOptions) =>
      await move(
        names,
        options,
        output,
        async (_library, trash, name) => await trash.purge(await trashed(trash, name)),
      ),
  );
  models('trash', 'Models in the trash.').action(async (options: CommonOptions) => {
    const found = await withLibrary(options, async (library) => await new ModelTrash(library).list());
    printTrashed(found, options, output);
  });
  sub('rebuild', 'Make the gallery’s index from the picture files in the outputs.').action(
    async (options: CommonOptions) => await rebuild(options, output),
  );
}

/** Looks at the folders first, so that what is listed is what is there. */
async function withLibrary<T>(
  options: CommonOptions,
  work: (library: Library) => T | Promise<T>,
  emit: Emit<LibraryEvents> = () => {},
): Promise<T> {
  const useLibrary = async ({ db }: OpenStudioFolder): Promise<T> => {
    const library = new Library({
      db,
      emit,
      roots: modelRoots(options.modelsDir),
      embeddedModel: path.join(ownModels, `${defaultModel}.safetensors`),
      hashInBackground: false,
    });
    try {
      await library.refresh();
      return await work(library);
    } finally {
      await library.close();
    }
  };
  return await withStudioFolder(options, useLibrary, { create: true });
}

async function list(words: readonly string[], options: ListOptions, output: Output): Promise<void> {
  const { kind, family, json } = options;
  const query: ModelQuery = {
    ...(kind === undefined ? {} : { kind }),
    ...(family === undefined ? {} : { family }),
    ...(words.length === 0 ? {} : { text: words.join(' ') }),
  };
  const models = await withLibrary(options, (library) => library.list(query));
  for (const line of json ? models.map((each) => JSON.stringify(each)) : columns(models.map(rowOf))) {
    output.result(line);
  }
  if (models.length === 0 && !json) output.note(`No such models in ${modelRoots(options.modelsDir).join(', ')}.`);
}

function rowOf({ name, bytes, shortHash, description, card, embedded }: LibraryModel): string[] {
  const what = description.problem ?? description.title.replace(/^an? /, '');
  const words = card.triggerWords === undefined ? '' : ` (${card.triggerWords.join(', ')})`;
  const size = formatBytes(bytes).padStart(7);
  return [name, size, shortHash ?? '', oneLine(`${what}${embedded ? ', comes with Darkroom' : ''}${words}`, 100)];
}

async function info(name: string, options: CommonOptions, output: Output): Promise<void> {
  const model = await withLibrary(options, (library) => modelNamed(library, name));
  output.result(options.json ? JSON.stringify(model) : describe(model));
}

/** @throws UserError `model.unknown` with the nearest names */
function modelNamed(library: Library, name: string): LibraryModel {
  const [byHash] = library.byHash(name);
  return byHash ?? library.find(name, modelKinds);
}

function describe(model: LibraryModel): string {
  const { card, description } = model;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['name', model.name],
    ['file', model.path],
    ['what', description.title],
    ['problem', description.problem],
    ['kind', model.kind],
    ['family', description.family],
    ['variant', description.variant],
    ['size', formatBytes(model.bytes)],
    ['parameters', description.parameters === 0 ? undefined : description.parameters.toLocaleString('en-US')],
    ['changed', formatTime(model.modifiedAt)],
    ['sha256', model.sha256 ?? model.hashError ?? 'not computed yet (darkroom library hash)'],
    ['short hash', model.shortHash],
    ['AutoV3', model.autoV3],
    ['trigger words', card.triggerWords?.join(', ')],
    ['weight', card.preferredWeight?.toString()],
    ['negative prompt', card.negativePrompt],
    ['base model', card.baseModel],
    ['licence', card.licence],
    ['source', card.source],
    ['tags', card.tags?.join(', ')],
    [
      'trained on',
      description.trainedTags
        .slice(0, 10)
        .map(([tag, count]) => `${tag} (${count})`)
        .join(', ') || undefined,
    ],
    ['preview', model.hasPreview ? 'yes' : 'no'],
    ['description', card.description && oneLine(card.description, 400)],
    ['notes', card.notes && oneLine(card.notes, 400)],
  ];
  return facts.flatMap(([label, value]) => (value ? [`${label}: ${value}`] : [])).join('\n');
}

async function hash(names: readonly string[], options: CommonOptions, context: CommandContext): Promise<void> {
  const { output } = context;
  const interrupt = watchInterrupt(() => {});
  const told = progressNotes(output);
  const work = async (library: Library): Promise<void> => {
    const wanted = names.length > 0 ? names.map((name) => modelNamed(library, name)) : unhashed(library);
    for (const { id, name } of wanted) {
      if (interrupt.aborted) break;
      const model = await library.hash(id);
      const { sha256, shortHash, autoV3, hashError } = model;
      if (options.json) output.result(JSON.stringify({ id, name, sha256, shortHash, autoV3, hashError }));
      else output.result(`${sha256 ?? hashError}  ${model.path}`);
      if (sha256 === undefined) context.exitCode = 1;
    }
  };
  try {
    await withLibrary(options, work, told);
  } finally {
    interrupt.release();
  }
  if (interrupt.aborted) context.exitCode = interrupt.exitCode;
}

function unhashed(library: Library): LibraryModel[] {
  return library.list().filter(({ sha256, hashError }) => sha256 === undefined && hashError === undefined);
}

/** A line for each tenth of a large file. */
function progressNotes(output: Output): Emit<LibraryEvents> {
  let last = 0;
  return (...[type, data]) => {
    if (type !== 'library.hashing') return;
    const { name, bytes, total } = data;
    const tenth = total === 0 ? 10 : Math.floor((10 * bytes) / total);
    if (total > 1e9 && tenth !== last && tenth > 0 && tenth < 10) output.note(`${name}: ${tenth * 10}%`);
    last = tenth;
  };
}

async function move(
  names: readonly string[],
  options: CommonOptions,
  output: Output,
  one: (library: Library, trash: ModelTrash, name: string) => Promise<TrashedModel>,
): Promise<void> {
  await withLibrary(options, async (library) => {
    const trash = new ModelTrash(library);
    for (const name of names) printTrashed([await one(library, trash, name)], options, output);
  });
}

function printTrashed(models: readonly TrashedModel[], { json }: CommonOptions, output: Output): void {
  const rowOfTrash = ({ id, title, bytes, removedAt }: TrashedModel): string[] => [
    id,
    formatBytes(bytes).padStart(7),
    formatTime(removedAt),
    oneLine(title, 100),
  ];
  for (const line of json ? models.map((each) => JSON.stringify(each)) : columns(models.map(rowOfTrash))) {
    output.result(line);
  }
}

/** Id of what lies in the trash under an id or a name; of several of one name the last removed. */
async function trashed(trash: ModelTrash, wanted: string): Promise<string> {
  const models = await trash.list();
  return models.find(({ id, name }) => id === wanted || name === wanted)?.id ?? wanted;
}

async function rebuild(options: CommonOptions, output: Output): Promise<void> {
  const report = await withStudioFolder(
    options,
    async ({ db, outputsDir }) =>
      await rebuildGallery(db, outputsDir, (...[type, data]) => {
        if (type !== 'gallery.rebuild' || options.json) return;
        if (!data.finished && data.seen % 1000 === 0) output.note(`${data.seen} pictures seen`);
      }),
    // A server that writes pictures meanwhile would see them noted down twice, or taken away.
    { create: true, alone: true },
  ).catch(explainLocked);
  if (options.json) output.result(JSON.stringify(report));
  else output.result(`${report.added} added, ${report.kept} kept, ${report.away} away`);
  for (const { path: file, message } of report.problems) output.note(`${file}: ${message}`);
}

function explainLocked(error: unknown): RebuildReport {
  if (!(error instanceof UserError) || error.code !== 'folder.locked') throw error;
  const hint = 'While it runs, POST /api/v1/gallery/rebuild does the same.';
  throw new UserError(error.code, `${error.message} ${hint}`, { cause: error });
}
