/**
 * Commands from the table of operations: `darkroom queue ...`, `gallery`, `library`, `user` and what comes. A row says
 * words and arguments, its input the flags, its output what is printed; the handler is the one that serves HTTP, on
 * the studio's folder. What a row cannot say is one adapter here: shortened ids, secrets, questions, pages.
 */

import type { Command } from 'commander';
import { z } from 'zod';
import type { CommandFacts, Operation } from '#api/operation';
import { type OperationName, operations } from '#api/operations/index';
import { UserError } from '#core/errors';
import type { Emit } from '#studio/events/bus';
import { localUser } from '#studio/gallery/picture-path';
import { modelRoots } from '#studio/library/roots';
import type { Context } from '#studio/operations/context';
import { handlers } from '#studio/operations/index';
import type { FolderEvents, StudioFolder } from '#studio/studio-folder';
import { version } from '#studio/version';
import type { CommandContext } from './command.ts';
import { resolveEntity } from './entities.ts';
import { addFlags, type Field, fieldsOf, givenFlags, optionKey, readFields, type Texts } from './fields.ts';
import { watchInterrupt } from './interrupt.ts';
import { confirm, readPassword } from './password.ts';
import { extraArguments } from './spellings.ts';
import { addFolderOptions, addModelsOption, type FolderOptions, withStudioFolder } from './studio-folder.ts';
import type { Output } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { linesOf, listOf, type Told, tell } from './views.ts';

interface Argument {
  readonly name: string;
  readonly required: boolean;
  readonly many: boolean;
}

/** An operation as a command. */
interface Verb {
  readonly name: OperationName;
  readonly row: Operation & { readonly command: CommandFacts };
  /** `queue`, `cancel` */
  readonly words: readonly string[];
  readonly arguments: readonly Argument[];
  readonly fields: readonly Field[];
}

interface VerbOptions extends FolderOptions, Record<string, unknown> {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly passwordStdin?: boolean;
  /** False with --no-password. */
  readonly password?: boolean;
}

/** Adds every command of a noun: those whose words begin with it. */
export function defineNoun(command: Command, noun: string, context: CommandContext): void {
  const groups = new Map<string, Verb[]>();
  for (const verb of verbsOf(noun)) {
    const words = verb.words.slice(1).join(' ');
    groups.set(words, [...(groups.get(words) ?? []), verb]);
  }
  for (const [words, verbs] of groups) {
    defineVerb(words === '' ? command : command.command(words), verbs, context);
  }
}

/** One operation under words of a command's own. */
export function defineOperation(
  command: Command,
  name: OperationName,
  facts: CommandFacts,
  context: CommandContext,
): void {
  defineVerb(command, [verbOf(name, facts)], context);
}

/** Carries out an operation for a command with words and flags of its own. */
export async function runOperation(
  name: OperationName,
  facts: CommandFacts,
  texts: Texts,
  options: VerbOptions,
  context: CommandContext,
): Promise<void> {
  await run(verbOf(name, facts), texts, options, context);
}

/** Nouns and single words that the rows have. */
export function nounsOfOperations(): string[] {
  return [
    ...new Set(Object.values<Operation>(operations).flatMap(({ command }) => command?.usage.split(' ')[0] ?? [])),
  ];
}

function verbsOf(noun: string): Verb[] {
  const rows: [string, Operation][] = Object.entries(operations);
  return rows.flatMap(([name, { command }]) =>
    command?.usage.split(' ')[0] === noun ? [verbOf(name as OperationName, command)] : [],
  );
}

function verbOf(name: OperationName, facts: CommandFacts): Verb {
  const row = { ...(operations[name] as Operation), command: facts };
  const parts = facts.usage.split(' ');
  const isArgument = (part: string): boolean => /^[<[]/.test(part);
  return {
    name,
    row,
    words: parts.filter((part) => !isArgument(part)),
    arguments: parts.filter(isArgument).map(argumentOf),
    fields: fieldsOf(row.input),
  };
}

function argumentOf(part: string): Argument {
  return { name: part.replaceAll(/[<>[\].]/g, ''), required: part.startsWith('<'), many: part.includes('...') };
}

function defineVerb(command: Command, verbs: readonly Verb[], context: CommandContext): void {
  const [withArguments, withoutArguments] = [verbs.find(takesArguments), verbs.find((verb) => !takesArguments(verb))];
  const main = withArguments ?? withoutArguments!;
  const { all } = withoutArguments?.row.command ?? {};
  const when = all === undefined ? 'Without any' : `With --${all}`;
  const also = withArguments && withoutArguments ? ` ${when}: ${withoutArguments.row.summary}` : '';
  command.description(main.row.summary + also);
  for (const { name, required, many } of main.arguments) {
    const shown = `${name}${many ? '...' : ''}`;
    const { facts } = main.fields.find((field) => field.name === name)!;
    command.argument(required && !withoutArguments ? `<${shown}>` : `[${shown}]`, facts.description ?? '');
  }
  const extra = extraArguments[main.name];
  if (extra) command.argument(extra.usage, extra.about);
  for (const verb of verbs) addFlags(command, flagsOf(verb).filter(isNew(command)));
  if (all !== undefined) command.option(`--${all}`, 'All of them.');
  if (main.fields.some(({ meta }) => meta.secret)) addSecretOptions(command, main);
  if (!main.row.command.bare) addFolderOptions(command);
  if (usesModels(main)) addModelsOption(command);
  if (verbs.some(({ row }) => row.command.ask)) command.option('--yes', 'Do not ask.');
  command.option('--json', 'Print one JSON object a line.');
  const examples = verbs.flatMap(({ row }) => row.command.examples ?? []);
  if (examples.length > 0)
    command.addHelpText('after', `\nExamples:\n${examples.map((e) => `  darkroom ${e}`).join('\n')}`);
  command.action(async (...given: unknown[]) => {
    const options = command.opts<VerbOptions>();
    const texts = given.slice(0, command.registeredArguments.length);
    const verb = chosenVerb(withArguments, withoutArguments, texts, options);
    await run(verb, { ...givenFlags(flagsOf(verb), options), ...argumentTexts(verb, texts) }, options, context);
  });
}

const takesArguments = (verb: Verb): boolean => verb.arguments.length > 0;
const usesModels = ({ row }: Verb): boolean => row.tag === 'Models';

function isNew(command: Command): (field: Field) => boolean {
  return ({ flag }) => !command.options.some((option) => option.long === `--${flag}`);
}

/** Fields that are no arguments; pages are turned here, and not by those who ask. */
function flagsOf(verb: Verb): Field[] {
  return verb.fields.filter(({ name }) => name !== 'cursor' && !verb.arguments.some((arg) => arg.name === name));
}

function addSecretOptions(command: Command, { fields, row }: Verb): void {
  command.option('--password-stdin', 'Read the password from standard input instead of asking.');
  const secret = fields.find(({ meta }) => meta.secret)!;
  const isOptional = (row.input.shape[secret.name] as z.ZodType) instanceof z.ZodOptional;
  if (isOptional) command.option('--no-password', 'Without one: it signs in with tokens only.');
}

/** Of two operations under the same words: with arguments the one, else, and where its flag is given, the other. */
function chosenVerb(
  some: Verb | undefined,
  all: Verb | undefined,
  texts: readonly unknown[],
  options: VerbOptions,
): Verb {
  if (!some || !all) return (some ?? all)!;
  const named = texts.flat().filter((text) => text !== undefined).length > 0;
  const flag = all.row.command.all;
  if (flag !== undefined && named === (options[optionKey(flag)] === true)) {
    const things = some.fields.find(({ name }) => name === some.arguments[0]!.name)?.meta.of ?? 'one';
    throw new UsageError('command.which', `Name the ${things}s, or give --${flag}.`);
  }
  return named ? some : all;
}

function argumentTexts(verb: Verb, texts: readonly unknown[]): Texts {
  const given = verb.arguments.map(({ name, required, many }, i): [string, unknown] => {
    const text = texts[i];
    const isText = verb.fields.find((field) => field.name === name)!.facts.type === 'string';
    if (!many || !isText || required) return [name, text];
    return [name, (text as readonly string[]).length === 0 ? undefined : (text as readonly string[]).join(' ')];
  });
  const extra = extraArguments[verb.name]?.read(texts[verb.arguments.length] as readonly string[]);
  return { ...Object.fromEntries(given), ...extra };
}

async function run(verb: Verb, texts: Texts, options: VerbOptions, context: CommandContext): Promise<void> {
  const { row } = verb;
  const { creates, alone, bare } = row.command;
  const interrupt = new AbortController();
  const watch = watchInterrupt(() => interrupt.abort());
  const work = async (studio: StudioFolder): Promise<void> => {
    if (usesModels(verb)) await studio.library.refresh();
    const inputs = await inputsOf(verb, texts, options, studio, context.output);
    if (row.command.ask && !options.yes) await confirm(row.command.ask, context.output);
    const call = callerOf(studio, interrupt.signal);
    const shower = new Shower(verb, options, context);
    for (const input of inputs) {
      if (interrupt.signal.aborted) break;
      await callAndShow(verb, input, call, shower);
    }
    shower.end();
  };
  try {
    const emit = progressNotes(context.output, options);
    await withStudioFolder(options, work, { create: creates, alone, passing: bare, emit });
  } catch (error) {
    throw withHint(error, row);
  } finally {
    watch.release();
  }
  if (watch.aborted) context.exitCode = watch.exitCode;
}

/** Everything is looked up before the first is changed. One input for each value of an argument with dots. */
async function inputsOf(
  verb: Verb,
  texts: Texts,
  options: VerbOptions,
  studio: StudioFolder,
  output: Output,
): Promise<Record<string, unknown>[]> {
  const resolved = { ...texts };
  for (const { name, meta, facts } of verb.fields) {
    const { of } = meta;
    const text = resolved[name];
    if (of === undefined || text === undefined) continue;
    const one = async (each: string) => await resolveEntity(of, each, studio);
    resolved[name] = Array.isArray(text) ? await eachInTurn(text as string[], one) : await one(String(text));
    if (facts.type === 'array' && !Array.isArray(resolved[name])) resolved[name] = [resolved[name]];
  }
  const secret = verb.fields.find(({ meta }) => meta.secret);
  if (secret && options.password !== false) {
    const question = `Password for ${String(texts.name)} (8 characters or more, not shown):`;
    resolved[secret.name] = await readPassword(question, options.passwordStdin === true, output);
  }
  const each = verb.arguments.find(({ name, many, required }) => many && required && !isList(verb, name))?.name;
  const all =
    each === undefined ? [resolved] : (resolved[each] as string[]).map((value) => ({ ...resolved, [each]: value }));
  return all.map((one) => readInput(verb, one));
}

function readInput(verb: Verb, texts: Texts): Record<string, unknown> {
  const called = new Set(verb.arguments.map(({ name }) => name));
  const { limit, ...others } = texts;
  const turnsPages = isPaged(verb) && limit !== undefined;
  const input = readFields(verb.row.input, verb.fields, turnsPages ? others : texts, ({ name, flag }) =>
    called.has(name) || flag === undefined ? name : `--${flag}`,
  );
  return turnsPages ? { ...input, limit: pageLimit(limit) } : input;
}

async function eachInTurn<T>(list: readonly T[], work: (item: T) => Promise<string>): Promise<string[]> {
  const done: string[] = [];
  for (const item of list) done.push(await work(item));
  return done;
}

const isList = ({ fields }: Verb, name: string): boolean =>
  fields.find((field) => field.name === name)?.facts.type === 'array';
const isPaged = ({ fields }: Pick<Verb, 'fields'>): boolean => fields.some(({ name }) => name === 'cursor');

/** Over all pages, whatever one page holds. */
function pageLimit(text: unknown): number {
  const most = 1_000_000;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw new UsageError('flag.number', `--limit must be a whole number from 1 to ${most}; got ${JSON.stringify(text)}.`);
}

type Caller = (name: OperationName, input: unknown) => Promise<unknown>;

/** The user of this machine may do everything. */
function callerOf(studio: StudioFolder, signal: AbortSignal): Caller {
  const context: Context<false> = {
    studio,
    signal,
    version: version(),
    caller: { name: localUser, role: 'admin' },
    readPicture: async () => {
      throw new UserError('image.none', 'Pictures are given to darkroom generate.');
    },
  };
  return async (name, input) =>
    await (handlers[name as keyof typeof handlers] as (input: never, context: Context<false>) => unknown)(
      input as never,
      context,
    );
}

async function callAndShow(verb: Verb, input: Record<string, unknown>, call: Caller, shower: Shower): Promise<void> {
  if (isPaged(verb)) return await showPages(verb, input, call, shower);
  const output = await call(verb.name, input);
  const shows = verb.row.command.shows as OperationName | undefined;
  if (shows === undefined) return shower.add(verb.name, verb.row, output, input);
  const ids = verb.arguments.flatMap(({ name }) => input[name] as string | string[]);
  for (const id of ids) shower.add(shows, operations[shows], await call(shows, { id }), { id }, true);
}

async function showPages(verb: Verb, input: Record<string, unknown>, call: Caller, shower: Shower): Promise<void> {
  const { maximum = 100, default: usual = 100 } = z.toJSONSchema(verb.row.input.shape.limit as z.ZodType, {
    io: 'input',
  }) as { maximum?: number; default?: number };
  let left = (input.limit as number | undefined) ?? usual;
  let cursor: unknown;
  do {
    const page = { ...input, cursor, limit: Math.min(left, maximum) };
    const output = (await call(verb.name, page)) as Record<string, unknown>;
    shower.add(verb.name, verb.row, output, page);
    left -= listOf(verb.row, output)?.items.length ?? 0;
    cursor = output.cursor;
  } while (cursor !== undefined && left > 0);
}

/** Prints what the calls of one command answered. */
class Shower {
  readonly #verb: Verb;
  readonly #options: VerbOptions;
  readonly #context: CommandContext;
  #shown = 0;
  #heading = true;
  #total: number | undefined;
  #list: string | undefined;
  #note: string | undefined;

  constructor(verb: Verb, options: VerbOptions, context: CommandContext) {
    this.#verb = verb;
    this.#options = options;
    this.#context = context;
  }

  /** @param inList as a row although the operation shows one record at length */
  add(name: OperationName, row: Operation, output: unknown, input: unknown, inList = false): void {
    const list = listOf(row, output);
    this.#shown += list?.items.length ?? 1;
    this.#list = list?.name;
    this.#total = (output as { total?: number } | undefined)?.total;
    const told = tell(name, row, output, input, inList);
    if (told.failed) this.#context.exitCode = 1;
    this.#note = told.note;
    if (this.#options.json) this.#printJson(output, list?.items, input);
    else this.#print(told);
  }

  #printJson(output: unknown, items: readonly unknown[] | undefined, input: unknown): void {
    const done = { done: this.#verb.name, ...(input as object) };
    for (const each of items ?? [output ?? done]) this.#context.output.result(JSON.stringify(each));
  }

  #print(told: Told): void {
    const { output } = this.#context;
    if (told.text !== undefined && told.text !== '') output.result(told.text);
    if (told.rows === undefined) return;
    for (const line of linesOf(told, output.shown === true && this.#heading)) output.result(line);
    this.#heading = false;
  }

  /** Says how many there are, or that there are none. */
  end(): void {
    const { output } = this.#context;
    if (this.#options.json) return;
    if (this.#note !== undefined) output.note(this.#note);
    else if (this.#total !== undefined) {
      const things = this.#list === 'images' ? 'pictures' : this.#list;
      output.note(`${this.#shown} of ${this.#total} ${things}`);
    } else if (this.#shown === 0 && this.#list !== undefined) {
      const where = usesModels(this.#verb) ? ` in ${modelRoots(this.#options.modelsDir).join(', ')}` : '';
      output.note(`No such ${this.#list}${where}.`);
    }
  }
}

/** A line for each tenth of a large file, and for each thousand pictures. */
function progressNotes(output: Output, { json }: VerbOptions): Emit<FolderEvents> {
  let last = 0;
  return (...[type, data]) => {
    if (type === 'gallery.rebuild' && !json && !data.finished && data.seen % 1000 === 0)
      output.note(`${data.seen} pictures seen`);
    if (type !== 'library.hashing') return;
    const { name, bytes, total } = data;
    const tenth = total === 0 ? 10 : Math.floor((10 * bytes) / total);
    if (total > 1e9 && tenth !== last && tenth > 0 && tenth < 10) output.note(`${name}: ${tenth * 10}%`);
    last = tenth;
  };
}

/** What cannot be done beside a running server can be asked of it. */
function withHint(error: unknown, { method, path, command }: Operation): unknown {
  if (!command?.alone || !(error instanceof UserError) || error.code !== 'folder.locked') return error;
  const hint = `While it runs, ${method.toUpperCase()} /api/v1${path} does the same.`;
  return new UserError(error.code, `${error.message} ${hint}`, { cause: error });
}
