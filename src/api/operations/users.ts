/** Signing in, accounts, and their tokens. */

import { z } from 'zod';
import { operation } from '../operation.ts';
import { tokenSchema, userSchema } from '../records/user.ts';
import { roles } from '../rights.ts';

const tag = 'Accounts';
const account = z.string().min(1).max(64).meta({ of: 'user' });
const password = z.string().describe('8 characters or more.').meta({ secret: true });
const caller = z.object({ name: z.string(), role: z.enum(roles) });

export const session = {
  getSession: operation({
    method: 'get',
    path: '/session',
    tag,
    summary: 'Who you are here.',
    output: caller,
  }),
  openSession: operation({
    method: 'post',
    path: '/session',
    tag,
    changes: ['own account'],
    kind: 'session',
    summary: 'Keep the token this request is authorised with in a cookie, for a browser.',
    output: caller,
  }),
  closeSession: operation({
    method: 'delete',
    path: '/session',
    tag,
    changes: ['own account'],
    kind: 'session',
    summary: 'Forget the cookie.',
  }),
};

export const users = {
  listUsers: operation({
    method: 'get',
    path: '/users',
    tag,
    changes: ['accounts'],
    summary: 'Accounts.',
    output: z.object({ users: z.array(userSchema) }),
    command: { usage: 'user list' },
  }),
  createUser: operation({
    method: 'post',
    path: '/users',
    tag,
    changes: ['accounts'],
    summary: 'Make an account.',
    input: z.object({
      name: z.string(),
      role: z.enum(roles).default('user').describe('admin: everything; user: own pictures; viewer: looks only.'),
      password: password.optional(),
    }),
    output: userSchema,
    status: 201,
    // Accounts are wanted before the first start: beyond this machine a server asks for one.
    command: { usage: 'user add <name>', creates: true, examples: ['user add ann --role admin'] },
  }),
  changeUser: operation({
    method: 'patch',
    path: '/users/{name}',
    tag,
    changes: ['own account'],
    summary: 'Change a role (admins) or a password (your own, or admins).',
    input: z.object({ name: account, role: z.enum(roles).optional(), password: password.optional() }),
    output: userSchema,
  }),
  setRole: operation({
    method: 'put',
    path: '/users/{name}/role',
    tag,
    changes: ['accounts'],
    summary: 'Change what an account may do.',
    input: z.object({ name: account, role: z.enum(roles).describe('What it may do.') }),
    output: userSchema,
    command: { usage: 'user role <name> <role>' },
  }),
  setPassword: operation({
    method: 'put',
    path: '/users/{name}/password',
    tag,
    changes: ['own account'],
    summary: 'Change a password (your own, or admins); ends all tokens of the account.',
    input: z.object({ name: account, password }),
    output: userSchema,
    command: { usage: 'user password <name>' },
  }),
  removeUser: operation({
    method: 'delete',
    path: '/users/{name}',
    tag,
    changes: ['accounts'],
    summary: 'Remove an account; its pictures stay.',
    input: z.object({ name: account }),
    command: { usage: 'user remove <name>', ask: 'Remove this account?' },
  }),
};

export const tokens = {
  listTokens: operation({
    method: 'get',
    path: '/tokens',
    tag,
    summary: 'Access tokens (not the tokens themselves): yours, or of another account (admins).',
    input: z.object({ user: account.optional().describe('Whose; yours when left out.') }),
    output: z.object({ tokens: z.array(tokenSchema) }),
    command: { usage: 'user tokens <user>' },
  }),
  issueToken: operation({
    method: 'post',
    path: '/tokens',
    tag,
    changes: ['own account'],
    summary: 'A new access token; shown this once. Sign in with name and password to get the first.',
    input: z.object({
      user: account.optional().describe('For whom; you when left out, others by admins only.'),
      label: z.string().max(100).default('api').describe('What it is for.'),
      lifetimeMs: z
        .int()
        .min(60_000)
        .max(36_500 * 86_400_000)
        .optional()
        .describe('Lets it run out after so long; never when left out.')
        .meta({ flag: 'days', unit: 86_400_000 }),
    }),
    output: z.object({ token: z.string() }),
    status: 201,
    command: { usage: 'user token <user>', examples: ['user token ann --label phone --days 30'] },
  }),
  revokeToken: operation({
    method: 'delete',
    path: '/tokens/{id}',
    tag,
    changes: ['own account'],
    summary: 'End a token: one of yours, or of another account (admins).',
    input: z.object({
      id: z
        .string()
        .regex(/^[0-9a-f]{16}$/, 'the id of a token has 16 hexadecimal digits')
        .meta({ of: 'token' }),
    }),
    command: { usage: 'user revoke <id>' },
  }),
};
