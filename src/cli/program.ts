/** The command line: reads which command is meant, loads that one, and turns what it throws into one sentence. */

import { Command, CommanderError } from 'commander';
import type { CommandContext } from './command.ts';
import { commands } from './commands/index.ts';
import { describeError, type Output } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';

/** Exit codes of mistakes in the command line itself, and of what could not be done; 130 and its like of signals. */
const usageError = 2;
const failure = 1;

/** Runs one command; returns what the process is to exit with. */
export async function runCommandLine(argv: readonly string[], output: Output): Promise<number> {
  const context: CommandContext = { output, exitCode: 0 };
  try {
    const program = createProgram(output);
    const asked = argv.filter((arg) => !arg.startsWith('-') && arg !== 'help')[0];
    for (const { name, group, summary, load } of commands) {
      const command = program
        .command(name)
        .description(summary)
        .helpGroup(group)
        .helpOption('-h, --help', 'Show this help.');
      if (name === asked) (await load()).define(command, context);
    }
    await program.parseAsync(argv, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    return explain(error, output);
  }
}

function createProgram(output: Output): Command {
  const trimmed = (text: string): string => text.replace(/\n$/, '');
  return new Command('darkroom')
    .description('Makes pictures from words, edits them, and trains the models that do it.')
    .version(version(), '--version', 'Print the version.')
    .helpCommand('help [command]', 'Show what a command takes.')
    .helpOption('-h, --help', 'Show this help.')
    .configureOutput({
      writeOut: (text) => output.result(trimmed(text)),
      writeErr: (text) => output.note(trimmed(text)),
      outputError: () => {},
    })
    .exitOverride();
}

function explain(error: unknown, output: Output): number {
  if (!(error instanceof CommanderError)) {
    output.note(`darkroom: ${describeError(error)}`);
    return error instanceof UsageError ? usageError : failure;
  }
  if (error.exitCode === 0) return 0;
  // Without a command, the help has been shown already.
  if (error.code !== 'commander.help') output.note(`darkroom: ${usageSentence(error.message)}`);
  return usageError;
}

/** `error: unknown option '--step'\n(Did you mean --steps?)` as one sentence. */
function usageSentence(message: string): string {
  return message.replace(/^error: /, '').replaceAll('\n', ' ');
}
