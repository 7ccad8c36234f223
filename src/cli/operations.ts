/**
 * Commands from the table of operations: `darkroom queue ...`, `gallery`, `library`, `user` and what comes. A row says
 * words and arguments, its input the flags, its output what is printed; the handler is the one that serves HTTP.
 */

import type { Command } from 'commander';
import { z } from 'zod';
import type { CommandFacts } from '#api/operation';
import type { OperationName } from '#api/operations/index';
import { type CommandContext, modelsOption } from './command.ts';
import { addFlags, type Field, givenFlags, optionKey, type Texts } from './fields.ts';
import { runVerb } from './run-verb.ts';
import { extraArguments } from './spellings.ts';
import { addFolderOptions } from './studio-folder.ts';
import { UsageError } from './usage-error.ts';
import { flagsOf, readsModelFolders, takesArguments, type Verb, type VerbOptions, verbOf, verbsOf } from './verb.ts';

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
  await runVerb(verbOf(name, facts), texts, options, context);
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
  if (readsModelFolders(main)) command.addOption(modelsOption());
  if (verbs.some(({ row }) => row.command.ask)) command.option('--yes', 'Do not ask.');
  command.option('--json', 'Print one JSON object a line.');
  const examples = verbs.flatMap(({ row }) => row.command.examples ?? []);
  if (examples.length > 0)
    command.addHelpText('after', `\nExamples:\n${examples.map((e) => `  darkroom ${e}`).join('\n')}`);
  command.action(async (...given: unknown[]) => {
    const options = command.opts<VerbOptions>();
    const texts = given.slice(0, command.registeredArguments.length);
    const verb = chosenVerb(withArguments, withoutArguments, texts, options);
    await runVerb(verb, { ...givenFlags(flagsOf(verb), options), ...argumentTexts(verb, texts) }, options, context);
  });
}

function isNew(command: Command): (field: Field) => boolean {
  return ({ flag }) => !command.options.some((option) => option.long === `--${flag}`);
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
