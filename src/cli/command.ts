/** What a command is. Its code is loaded only when it is the one that was asked for. */

import { type Command, Option } from 'commander';
import type { Output } from './terminal.ts';

export interface CommandEntry {
  readonly name: string;
  /** Heading in the help. */
  readonly group: string;
  readonly summary: string;
  load(): Promise<CommandModule>;
}

export interface CommandModule {
  /** Adds arguments, options and the action. */
  define(command: Command, context: CommandContext): void;
}

/** What a command may use of the process that it runs in. */
export interface CommandContext {
  readonly output: Output;
  /** All there are. */
  readonly commands: readonly CommandEntry[];
  /** What the process will exit with, unless the action throws; 0 until set. */
  exitCode: number;
}

/** The folders that `modelRoots` takes; those of the configuration come after them. */
export function modelsOption(): Option {
  return new Option('--models-dir <folder>', 'One more folder with models; may be repeated.').argParser(gather);
}

/** Collects the values of a flag that may be repeated. */
export function gather(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
