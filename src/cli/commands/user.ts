/** `darkroom user`: accounts of a studio that others can reach. A running server knows of changes at once. */

import { type Command, Option } from 'commander';
import type { User } from '#api/records/user';
import { type Role, roles } from '#api/rights';
import { UserError } from '#core/errors';
import type { CommandContext } from '../command.ts';
import { readPassword } from '../password.ts';
import { addFolderOptions, type FolderOptions, type OpenStudioFolder, withStudioFolder } from '../studio-folder.ts';
import { columns, formatTime, type Output } from '../terminal.ts';
import { wholeNumber } from '../whole-number.ts';

interface CommonOptions extends FolderOptions {
  readonly json?: boolean;
}

interface AddOptions extends CommonOptions {
  readonly role: Role;
  readonly passwordStdin?: boolean;
  /** False with --no-password. */
  readonly password: boolean;
}

const fromStdin = ['--password-stdin', 'Read the password from standard input instead of asking.'] as const;

export function define(command: Command, { output }: CommandContext): void {
  const sub = (usage: string, summary: string): Command =>
    addFolderOptions(command.command(usage).description(summary)).option('--json', 'Print one JSON object a line.');
  sub('list', 'Accounts.').action(async (options: CommonOptions) => {
    await withStudioFolder(options, ({ users }) => show(users.list(), options, output));
  });
  sub('add <name>', 'Make an account.')
    .addOption(
      new Option('--role <role>', 'admin: everything; user: own jobs and pictures; viewer: looks.')
        .choices(roles)
        .default('user'),
    )
    .option(...fromStdin)
    .option('--no-password', 'Without one: it signs in with tokens only.')
    .action(async (name: string, options: AddOptions) => await add(name, options, output));
  sub('role <name> <role>', `Change what an account may do (${roles.join(', ')}).`).action(
    async (name: string, role: string, options: CommonOptions) => {
      await withStudioFolder(options, ({ users }) => show([users.setRole(name, roleOf(role))], options, output));
    },
  );
  sub('password <name>', 'Change a password; ends all tokens of the account.')
    .option(...fromStdin)
    .action(async (name: string, options: CommonOptions & { passwordStdin?: boolean }) => {
      await withStudioFolder(options, async ({ users }) => {
        known({ users }, name);
        await users.setPassword(name, await ask(name, options.passwordStdin, output));
        show([known({ users }, name)], options, output);
      });
    });
  sub('remove <name>', 'Remove an account; its pictures stay.').action(async (name: string, options: CommonOptions) => {
    await withStudioFolder(options, ({ users }) => users.remove(name));
    output.result(options.json ? JSON.stringify({ removed: name }) : `${name} removed`);
  });
  defineTokens(sub, output);
}

function defineTokens(sub: (usage: string, summary: string) => Command, output: Output): void {
  sub('token <name>', 'Print a new access token of an account; it cannot be shown again.')
    .option('--label <text>', 'What it is for.', 'command line')
    .option('--days <n>', 'Lets it run out after so many days (default: never).')
    .action(async (name: string, options: CommonOptions & { label: string; days?: string }) => {
      const days = options.days === undefined ? undefined : wholeNumber('--days', options.days, 1, 36_500);
      const lifetime = days === undefined ? undefined : days * 86_400_000;
      const token = await withStudioFolder(options, ({ users }) => users.issueToken(name, options.label, lifetime));
      output.result(options.json ? JSON.stringify({ user: name, label: options.label, token }) : token);
    });
  sub('tokens <name>', 'Tokens of an account, by their ids.').action(async (name: string, options: CommonOptions) => {
    const tokens = await withStudioFolder(options, ({ users }) => users.tokens(known({ users }, name).name));
    const rows = tokens.map(({ id, label, createdAt, expiresAt }) => {
      const end = expiresAt === undefined ? 'never runs out' : `until ${formatTime(expiresAt)}`;
      return [id, formatTime(createdAt), end, label];
    });
    for (const line of options.json ? tokens.map((token) => JSON.stringify(token)) : columns(rows)) output.result(line);
  });
  sub('revoke <token>', 'End a token, given by its id or itself.').action(
    async (token: string, options: CommonOptions) => {
      if (!(await withStudioFolder(options, ({ users }) => users.revokeToken(token)))) {
        throw new UserError('token.unknown', 'There is no such token; darkroom user tokens NAME shows their ids.');
      }
      output.result(options.json ? JSON.stringify({ revoked: true }) : 'revoked');
    },
  );
}

async function add(name: string, options: AddOptions, output: Output): Promise<void> {
  const work = async ({ users }: OpenStudioFolder): Promise<void> => {
    if (users.get(name)) throw new UserError('user.exists', `There is a user ${name} already.`);
    const password = options.password ? await ask(name, options.passwordStdin, output) : undefined;
    show([await users.create(name, options.role, password)], options, output);
  };
  // Accounts are wanted before the first start: beyond this machine a server asks for one.
  await withStudioFolder(options, work, { create: true });
}

async function ask(name: string, fromPipe: boolean | undefined, output: Output): Promise<string> {
  return await readPassword(`Password for ${name} (8 characters or more, not shown):`, fromPipe === true, output);
}

function known({ users }: Pick<OpenStudioFolder, 'users'>, name: string): User {
  const user = users.get(name);
  if (!user) throw new UserError('user.unknown', `There is no user ${JSON.stringify(name)}.`);
  return user;
}

function roleOf(text: string): Role {
  const role = roles.find((each) => each === text);
  if (!role)
    throw new UserError('user.role', `There is no role ${JSON.stringify(text)}; there are ${roles.join(', ')}.`);
  return role;
}

function show(users: readonly User[], { json }: CommonOptions, output: Output): void {
  const rows = users.map(({ name, role, hasPassword, createdAt }) => {
    return [name, role, hasPassword ? 'password' : 'tokens only', formatTime(createdAt)];
  });
  for (const line of json ? users.map((user) => JSON.stringify(user)) : columns(rows)) output.result(line);
}
