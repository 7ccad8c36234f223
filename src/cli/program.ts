/** The command line: reads which command is meant, loads that one, and turns what it throws into one sentence. */

import { homedir } from 'node:os';
import { Command, CommanderError } from 'commander';
import { version } from '#studio/version';
import type { CommandContext } from './command.ts';
import { commands } from './commands/index.ts';
import { configurationFile } from './configuration-file.ts';
import { helpLayout } from './help-layout.ts';
import { describeError, type Output } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Exit codes of mistakes in the command line itself, and of what could not be done; 130 and its like of signals. */
const usageError = 2;
const failure = 1;

/** Runs one command; returns what the process is to exit with. */
export async function runCommandLine(argv: readonly string[], output: Output): Promise<number> {
  const context: CommandContext = { output, commands, exitCode: 0 };
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

const afterHelp = `
Examples:
  darkroom generate "a red fox in the snow"      a picture in outputs/
  darkroom serve                                 the page and the APIs
  darkroom pull "Stable Diffusion 1.5"           a model to start with
  darkroom models add ~/stable-diffusion         the models of another program
  darkroom completion bash                       a script that completes commands

Set once: darkroom models add FOLDER, variables such as DARKROOM_MODELS_DIR, DARKROOM_OUTPUTS and DARKROOM_DEVICE, or
${shownFile()} with flags by their names, e.g. {"outputs": "/pictures"}.

Exits with 0 when all is done, 1 when something could not be done, 2 when the command line is wrong, and with 130 or
143 when it was stopped.`;

function shownFile(): string {
  return configurationFile().replace(homedir(), '~');
}

function createProgram(output: Output): Command {
  const trimmed = (text: string): string => text.replace(/\n$/, '');
  return (
    new Command('darkroom')
      .description('Makes pictures from words, edits them, and trains the models that do it.')
      .version(version(), '--version', 'Print the version.')
      // A flag after a subcommand is the subcommand's, also where the command above has one of that name.
      .enablePositionalOptions()
      .helpCommand('help [command]', 'Show what a command takes.')
      .helpOption('-h, --help', 'Show this help.')
      .configureHelp(helpLayout)
      .addHelpText('after', afterHelp)
      .hook('preAction', async (_program, command) => (await import('./configuration.ts')).applyConfiguration(command))
      .configureOutput({
        writeOut: (text) => output.result(trimmed(text)),
        writeErr: (text) => output.note(trimmed(text)),
        outputError: () => {},
      })
      .exitOverride()
  );
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
