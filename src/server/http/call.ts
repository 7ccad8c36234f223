/** One request as handlers see it: who asks, whether they are still there, and where to write. */

import type { Context } from 'hono';
import type { Logger } from 'pino';
import { UserError } from '#core/errors';
import type { Role } from '#studio/users/users';

/** Who asks. Where no account is needed it is the local user, who may do everything. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

export interface CallVariables {
  requestId: string;
  caller: Caller;
  log: Logger;
}

export type ServerContext = Context<{ Variables: CallVariables }>;

export interface Call {
  readonly id: string;
  readonly caller: Caller;
  readonly log: Logger;
  readonly request: Request;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

export function callOf(c: ServerContext): Call {
  const request = c.req.raw;
  return { id: c.get('requestId'), caller: c.get('caller'), log: c.get('log'), request, signal: request.signal };
}

const ranks: Record<Role, number> = { viewer: 0, user: 1, admin: 2 };

/** @throws UserError `auth.forbidden` */
export function requireRole(caller: Caller, least: Role): void {
  if (ranks[caller.role] >= ranks[least]) return;
  throw new UserError('auth.forbidden', `This needs the role ${least}; ${caller.name} is ${caller.role}.`);
}

/** Whose jobs and pictures the caller sees: users their own, admins and viewers everybody's (undefined). */
export function scopeOf(caller: Caller): string | undefined {
  return caller.role === 'user' ? caller.name : undefined;
}

/** Whether something of `owner` is the caller's business. */
export function maySee(caller: Caller, owner: string | undefined): boolean {
  const scope = scopeOf(caller);
  return scope === undefined || owner === undefined || owner === scope;
}
