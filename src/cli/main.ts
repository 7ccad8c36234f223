/** The command line. Reads which command is meant, loads that one, and turns what it throws into one sentence. */

import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.ts';
import { describeError, processOutput } from './terminal.ts';
import { version } from './version.ts';

/** Mistakes in the command line itself, as opposed to what a command finds wrong. */
const usageError = 2;

async function main(argv: readonly string[]): Promise<void> {
  // A reader that went away (`| head`) is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const program = new Command('darkroom')
    .description('Makes pictures from words, edits them, and trains the models that do it.')
    .version(version(), '--version', 'Print the version.')
    .helpCommand('help [command]', 'Show what a command takes.')
    .helpOption('-h, --help', 'Show this help.')
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  const asked = argv.filter((arg) => !arg.startsWith('-') && arg !== 'help')[0];
  for (const { name, summary, load } of commands) {
    const command = program.command(name).description(summary).helpOption('-h, --help', 'Show this help.');
    if (name === asked) (await load()).define(command);
  }
  await program.parseAsync(argv, { from: 'user' });
}

function fail(error: unknown): void {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : usageError;
    // Without a command, the help has been shown already.
    if (error.exitCode !== 0 && error.code !== 'commander.help') processOutput.note(usageSentence(error.message));
    return;
  }
  process.exitCode = 1;
  processOutput.note(`darkroom: ${describeError(error)}`);
}

/** `error: unknown option '--step'\n(Did you mean --steps?)` as one sentence. */
function usageSentence(message: string): string {
  return `darkroom: ${message.replace(/^error: /, '').replaceAll('\n', ' ')}`;
}

await main(process.argv.slice(2)).catch(fail);
