/** What a command is. Its code is loaded only when it is the one that was asked for. */

import type { Command } from 'commander';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandModule>;
}

export interface CommandModule {
  /** Adds arguments, options and the action. */
  define(command: Command): void;
}

/** Collects the values of a flag that may be repeated. */
export function gather(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
