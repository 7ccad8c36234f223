/**
 * Who may do what. Rights follow effects: an operation says what it may change, and the least role for that stands
 * here, once. What an operation changes only sometimes (a priority above others', somebody else's password) asks with
 * `requireEffect` at the place where it happens.
 */

import { UserError } from '#core/errors';

export const roles = ['admin', 'user', 'viewer'] as const;
export type Role = (typeof roles)[number];

/** Who asks. Where no account is needed it is the local user, who may do everything. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

/** What can be changed, with the least role that may. */
const leastRoles = {
  /** Password, tokens and session of one's own. */
  'own account': 'viewer',
  /** Jobs, pictures and boards of one's own. */
  'own work': 'user',
  /** What is known about files: the list of models, hashes. */
  index: 'user',
  /** Everybody's jobs: their order, whether any run. */
  queue: 'admin',
  /** Model files, cards and downloads. */
  models: 'admin',
  /** Everybody's pictures. */
  gallery: 'admin',
  /** What the studio does by default, for everybody. */
  settings: 'admin',
  /** Engine processes. */
  engines: 'admin',
  /** Accounts of others. */
  accounts: 'admin',
} as const satisfies Record<string, Role>;

export type Effect = keyof typeof leastRoles;

const ranks: Record<Role, number> = { viewer: 0, user: 1, admin: 2 };

/** The least role that may change all of these; to change nothing, that is to look, viewers may. */
export function leastRole(effects: readonly Effect[]): Role {
  return effects.map((effect) => leastRoles[effect]).reduce<Role>(stronger, 'viewer');
}

export function mayChange({ role }: Pick<Caller, 'role'>, effect: Effect): boolean {
  return ranks[role] >= ranks[leastRoles[effect]];
}

/** @throws UserError `auth.forbidden` */
export function requireEffect(caller: Caller, effect: Effect): void {
  requireRole(caller, leastRoles[effect]);
}

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

const stronger = (a: Role, b: Role): Role => (ranks[a] >= ranks[b] ? a : b);
