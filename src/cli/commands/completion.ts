/** `darkroom completion`: a script for bash, zsh or fish, made from the commands themselves. */

import { Argument, Command } from 'commander';
import type { CommandContext } from '../command.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

export function define(command: Command, context: CommandContext): void {
  command
    .addArgument(new Argument('<shell>', 'Which shell.').choices(shells))
    .addHelpText('after', '\nExamples:\n  source <(darkroom completion bash)\n  darkroom completion fish | source')
    .action(async (shell: Shell) => context.output.result(scripts[shell](await words(context))));
}

/** What may follow: by the words before, the next words and flags. */
type Words = ReadonlyMap<string, readonly string[]>;

async function words(context: CommandContext): Promise<Words> {
  const { commands } = context;
  const found = new Map<string, string[]>([['', commands.map(({ name }) => name)]]);
  for (const { name, load } of commands) {
    const command = new Command(name);
    (await load()).define(command, context);
    collect(command, name, found);
  }
  return found;
}

function collect(command: Command, words: string, found: Map<string, string[]>): void {
  const flags = command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : []));
  found.set(words, [...command.commands.map((sub) => sub.name()), ...flags, '--help']);
  for (const sub of command.commands) collect(sub, `${words} ${sub.name()}`, found);
}

const cases = (all: Words): string =>
  [...all].map(([before, next]) => `    "${before}") words="${next.join(' ')}" ;;`).join('\n');

/** Words before the cursor that are no flags, as far as there are such commands; files where nothing fits. */
const bash = (all: Words): string => `_darkroom() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="" word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* || "$before" == *" "* ]] && break
    before="\${before:+$before }$word"
  done
  while :; do
    case "$before" in
${cases(all)}
    *) before="\${before% *}"; continue ;;
    esac
    break
  done
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _darkroom darkroom`;

const scripts: Record<Shell, (all: Words) => string> = {
  bash,
  zsh: (all) => `autoload -U +X bashcompinit && bashcompinit\n${bash(all)}`,
  fish: (all) => [...all].flatMap(([before, next]) => next.map((word) => fishLine(before, word))).join('\n'),
};

function fishLine(before: string, word: string): string {
  const seen = before.split(' ').filter(Boolean);
  const condition =
    seen.length === 0
      ? '__fish_use_subcommand'
      : seen.map((each) => `__fish_seen_subcommand_from ${each}`).join('; and ');
  const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
  return `complete -c darkroom -n "${condition}" ${what}`;
}
