/** An operation as a command: its words, arguments and flags. */

import type { CommandFacts, Operation } from '#api/operation';
import { type OperationName, operations } from '#api/operations/index';
import { type Field, fieldsOf } from './fields.ts';
import type { FolderOptions } from './studio-folder.ts';

interface Argument {
  readonly name: string;
  readonly required: boolean;
  readonly many: boolean;
}

/** An operation as a command. */
export interface Verb {
  readonly name: OperationName;
  readonly row: Operation & { readonly command: CommandFacts };
  /** `queue`, `cancel` */
  readonly words: readonly string[];
  readonly arguments: readonly Argument[];
  readonly fields: readonly Field[];
}

export interface VerbOptions extends FolderOptions, Record<string, unknown> {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly passwordStdin?: boolean;
  /** False with --no-password. */
  readonly password?: boolean;
}

/**
 * Nouns and single words that the rows have.
 * @internal For tests and benchmarks.
 */
export function nounsOfOperations(): string[] {
  return [
    ...new Set(Object.values<Operation>(operations).flatMap(({ command }) => command?.usage.split(' ')[0] ?? [])),
  ];
}

export function verbsOf(noun: string): Verb[] {
  const rows: [string, Operation][] = Object.entries(operations);
  return rows.flatMap(([name, { command }]) =>
    command?.usage.split(' ')[0] === noun ? [verbOf(name as OperationName, command)] : [],
  );
}

export function verbOf(name: OperationName, facts: CommandFacts): Verb {
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

export const takesArguments = (verb: Verb): boolean => verb.arguments.length > 0;
export const usesModels = ({ row }: Verb): boolean => row.tag === 'Models';

/** Styles and word lists lie beside the models of other web UIs. */
export const readsModelFolders = (verb: Verb): boolean => usesModels(verb) || verb.row.tag === 'Prompts';

/** Fields that are no arguments; pages are turned here, and not by those who ask. */
export function flagsOf(verb: Verb): Field[] {
  return verb.fields.filter(({ name }) => name !== 'cursor' && !verb.arguments.some((arg) => arg.name === name));
}

export const isList = ({ fields }: Verb, name: string): boolean =>
  fields.find((field) => field.name === name)?.facts.type === 'array';

export const isPaged = ({ fields }: Pick<Verb, 'fields'>): boolean => fields.some(({ name }) => name === 'cursor');
