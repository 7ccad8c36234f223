/** Handlers of accounts and their tokens. */

import type { session, tokens, users } from '#api/operations/users';
import { type Caller, mayChange, type Role, requireEffect } from '#api/rights';
import { UserError } from '#core/errors';
import { localUser } from '../gallery/picture-path.ts';
import type { StudioFolder } from '../studio-folder.ts';
import type { HandlersOf } from './context.ts';

export const sessionHandlers = {
  getSession: (_input, { caller }) => caller,
} satisfies HandlersOf<typeof session>;

export const userHandlers = {
  listUsers: (_input, { studio }) => ({ users: studio.users.list() }),
  createUser: async ({ name, role, password }, { studio }) => await studio.users.create(name, role, password),
  async changeUser({ name, role, password }, { studio, caller }) {
    if (role !== undefined || name !== caller.name) requireEffect(caller, 'accounts');
    return await change(studio, name, { role, password });
  },
  setRole: async ({ name, role }, { studio }) => await change(studio, name, { role }),
  async setPassword({ name, password }, { studio, caller }) {
    if (name !== caller.name) requireEffect(caller, 'accounts');
    return await change(studio, name, { password });
  },
  removeUser: ({ name }, { studio }) => studio.users.remove(name),
} satisfies HandlersOf<typeof users>;

export const tokenHandlers = {
  listTokens: ({ user }, { studio, caller }) => ({ tokens: studio.users.tokens(ownerOf(user, caller)) }),
  issueToken({ user, label, lifetimeMs }, { studio, caller }) {
    const owner = ownerOf(user, caller);
    if (owner === localUser) throw new UserError('auth.local', 'The local user has no tokens; make an account first.');
    return { token: studio.users.issueToken(owner, label, lifetimeMs) };
  },
  revokeToken({ id }, { studio, caller }) {
    const own = studio.users.tokens(caller.name).some((token) => token.id === id);
    if (!own && !mayChange(caller, 'accounts')) throw new UserError('token.unknown', `You have no token ${id}.`);
    if (!studio.users.revokeToken(id)) throw new UserError('token.unknown', `There is no token ${id}.`);
  },
} satisfies HandlersOf<typeof tokens>;

async function change(
  { users: accounts }: StudioFolder,
  name: string,
  { role, password }: { readonly role?: Role; readonly password?: string },
) {
  if (role !== undefined) accounts.setRole(name, role);
  if (password !== undefined) await accounts.setPassword(name, password);
  const user = accounts.get(name);
  if (!user) throw new UserError('user.unknown', `There is no user ${name}.`);
  return user;
}

/** @throws UserError `auth.forbidden` for somebody else's */
function ownerOf(user: string | undefined, caller: Caller): string {
  if (user !== undefined && user !== caller.name) requireEffect(caller, 'accounts');
  return user ?? caller.name;
}
