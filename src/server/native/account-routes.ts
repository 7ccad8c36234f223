/** `/api/v1/session`, `/api/v1/users`, `/api/v1/tokens`: signing in, and accounts. */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { localUser } from '#studio/gallery/picture-path';
import type { Studio } from '#studio/studio';
import { roles } from '#studio/users/users';
import { requireRole } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { type Access, sessionCookie } from '../safety/access.ts';

const userSchema = z.object({
  name: z.string(),
  role: z.enum(roles),
  hasPassword: z.boolean(),
  createdAt: z.number(),
});
const tokenSchema = z.object({
  id: z.string(),
  user: z.string(),
  label: z.string(),
  createdAt: z.number(),
  expiresAt: z.number().optional(),
});
const nameParams = z.object({ name: z.string().min(1).max(64) });
const tag = 'Accounts';
const monthMs = 30 * 86_400_000;

export function accountRoutes(studio: Studio, access: Access): Route[] {
  return [...sessionRoutes(), ...userRoutes(studio, access), ...tokenRoutes(studio)];
}

function sessionRoutes(): Route[] {
  const caller = z.object({ name: z.string(), role: z.enum(roles) });
  return [
    route({
      method: 'get',
      path: '/session',
      operation: 'getSession',
      tag,
      role: 'viewer',
      summary: 'Who you are here.',
      answer: { description: 'You.', schema: caller },
      handle: (_input, call) => call.caller,
    }),
    route({
      method: 'post',
      path: '/session',
      operation: 'openSession',
      tag,
      role: 'viewer',
      summary: 'Keep the token this request is authorised with in a cookie, for a browser.',
      answer: { description: 'You.', schema: caller },
      handle(_input, call) {
        const token = /^bearer\s+(\S+)$/i.exec(call.request.headers.get('authorization') ?? '')?.[1];
        if (token === undefined) throw new UserError('auth.token', 'Send the token as "Authorization: Bearer …".');
        const cookie = `${sessionCookie}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000`;
        const secure = new URL(call.request.url).protocol === 'https:' ? '; Secure' : '';
        return new Response(JSON.stringify(call.caller), {
          headers: { 'content-type': 'application/json', 'set-cookie': cookie + secure },
        });
      },
    }),
    route({
      method: 'delete',
      path: '/session',
      operation: 'closeSession',
      tag,
      role: 'viewer',
      summary: 'Forget the cookie.',
      answer: { status: 204, description: 'Done.' },
      handle: () =>
        new Response(null, {
          status: 204,
          headers: { 'set-cookie': `${sessionCookie}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0` },
        }),
    }),
  ];
}

function userRoutes({ users }: Studio, access: Access): Route[] {
  const admin = { tag, role: 'admin' } as const;
  return [
    route({
      ...admin,
      method: 'get',
      path: '/users',
      operation: 'listUsers',
      summary: 'Accounts.',
      answer: { description: 'All of them.', schema: z.object({ users: z.array(userSchema) }) },
      handle: () => ({ users: users.list() }),
    }),
    route({
      ...admin,
      method: 'post',
      path: '/users',
      operation: 'createUser',
      summary: 'Make an account.',
      body: z.strictObject({
        name: z.string(),
        role: z.enum(roles).default('user').describe('admin: everything; user: own pictures; viewer: looks only.'),
        password: z.string().optional(),
      }),
      answer: { status: 201, description: 'The account.', schema: userSchema },
      handle: async ({ body }) => await users.create(body.name, body.role, body.password),
    }),
    route({
      method: 'patch',
      path: '/users/{name}',
      operation: 'changeUser',
      tag,
      role: 'viewer',
      summary: 'Change a role (admins) or a password (your own, or admins).',
      params: nameParams,
      body: z.strictObject({ role: z.enum(roles).optional(), password: z.string().optional() }),
      answer: { description: 'The account.', schema: userSchema },
      async handle({ params, body }, call) {
        if (body.role !== undefined || params.name !== call.caller.name) requireRole(call.caller, 'admin');
        if (body.role !== undefined) users.setRole(params.name, body.role);
        if (body.password !== undefined) await users.setPassword(params.name, body.password);
        access.forget();
        const user = users.get(params.name);
        if (!user) throw new UserError('user.unknown', `There is no user ${params.name}.`);
        return user;
      },
    }),
    route({
      ...admin,
      method: 'delete',
      path: '/users/{name}',
      operation: 'removeUser',
      summary: 'Remove an account; its pictures stay.',
      params: nameParams,
      answer: { status: 204, description: 'Done.' },
      handle({ params }) {
        users.remove(params.name);
        access.forget();
      },
    }),
  ];
}

function tokenRoutes({ users }: Studio): Route[] {
  return [
    route({
      method: 'get',
      path: '/tokens',
      operation: 'listTokens',
      tag,
      role: 'viewer',
      summary: 'Your access tokens (not the tokens themselves).',
      answer: { description: 'All of them.', schema: z.object({ tokens: z.array(tokenSchema) }) },
      handle: (_input, call) => ({ tokens: users.tokens(call.caller.name) }),
    }),
    route({
      method: 'post',
      path: '/tokens',
      operation: 'issueToken',
      tag,
      role: 'viewer',
      summary: 'A new access token for you; shown this once. Sign in with name and password to get the first.',
      body: z.strictObject({
        label: z.string().max(100).default('api'),
        lifetimeMs: z
          .int()
          .min(60_000)
          .max(12 * 10 * monthMs)
          .optional(),
      }),
      answer: { status: 201, description: 'The token.', schema: z.object({ token: z.string() }) },
      handle({ body }, call) {
        if (call.caller.name === localUser) {
          throw new UserError('auth.local', 'The local user has no tokens; make an account first.');
        }
        return { token: users.issueToken(call.caller.name, body.label, body.lifetimeMs) };
      },
    }),
    route({
      method: 'delete',
      path: '/tokens/{id}',
      operation: 'revokeToken',
      tag,
      role: 'viewer',
      summary: 'End one of your tokens.',
      params: z.object({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
      answer: { status: 204, description: 'Done.' },
      handle({ params }, call) {
        const own = users.tokens(call.caller.name).some((token) => token.id === params.id);
        if (!own) throw new UserError('token.unknown', `You have no token ${params.id}.`);
        users.revokeToken(params.id);
      },
    }),
  ];
}
