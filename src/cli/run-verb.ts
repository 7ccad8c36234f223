/** Carries out an operation on the studio's folder for a command: ids, secrets, questions, pages. */

import { z } from 'zod';
import type { Operation } from '#api/operation';
import { type OperationName, operations } from '#api/operations/index';
import { UserError } from '#core/errors';
import type { Emit } from '#studio/events/bus';
import { localUser } from '#studio/gallery/picture-path';
import type { Context } from '#studio/operations/context';
import { handlers } from '#studio/operations/index';
import type { FolderEvents, StudioFolder } from '#studio/studio-folder';
import { version } from '#studio/version';
import type { CommandContext } from './command.ts';
import { resolveEntity } from './entities.ts';
import { readFields, type Texts } from './fields.ts';
import { watchInterrupt } from './interrupt.ts';
import { confirm, readPassword } from './password.ts';
import { Shower } from './shower.ts';
import { withStudioFolder } from './studio-folder.ts';
import type { Output } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { isList, isPaged, usesModels, type Verb, type VerbOptions } from './verb.ts';
import { listOf } from './views.ts';

export async function runVerb(verb: Verb, texts: Texts, options: VerbOptions, context: CommandContext): Promise<void> {
  const { row } = verb;
  const { creates, alone, bare } = row.command;
  const interrupt = watchInterrupt();
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
    interrupt.release();
  }
  if (interrupt.signal.aborted) context.exitCode = interrupt.exitCode;
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
