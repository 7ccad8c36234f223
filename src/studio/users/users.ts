/**
 * Accounts: who may use a studio that others can reach. Passwords are kept as scrypt keys (RFC 7914), tokens as
 * sha256 digests, neither can be read back.
 */

import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { UserError } from '#core/errors';
import { isSafeName } from '../files/safe-path.ts';
import { localUser } from '../gallery/picture-path.ts';
import type { Database } from '../store/database.ts';

export const roles = ['admin', 'user', 'viewer'] as const;
export type Role = (typeof roles)[number];

export interface User {
  readonly name: string;
  readonly role: Role;
  readonly hasPassword: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface TokenInfo {
  /** Names the token for `revoke`; not the token itself. */
  readonly id: string;
  readonly user: string;
  readonly label: string;
  readonly createdAt: number;
  readonly expiresAt?: number;
}

interface UserRow {
  name: string;
  role: Role;
  password: string | null;
  created_at: number;
}

export class Users {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  list(): User[] {
    return this.#db.all<UserRow>('SELECT * FROM users ORDER BY name').map(toUser);
  }

  get(name: string): User | undefined {
    const row = this.#row(name);
    return row && toUser(row);
  }

  /** @throws UserError `user.name`, `user.exists`, `user.password` */
  async create(name: string, role: Role, password?: string): Promise<User> {
    checkName(name);
    if (this.#row(name)) throw new UserError('user.exists', `There is a user ${name} already.`);
    const key = password === undefined ? null : await hashPassword(password);
    this.#db.run('INSERT INTO users (name, role, password, created_at) VALUES (?, ?, ?, ?)', [
      name,
      role,
      key,
      Date.now(),
    ]);
    return this.#require(name);
  }

  /** @throws UserError `user.unknown`, `user.last-admin` */
  setRole(name: string, role: Role): User {
    const user = this.#require(name);
    if (role !== 'admin') this.#keepAnAdmin(user);
    this.#db.run('UPDATE users SET role = ? WHERE name = ?', [role, name]);
    return this.#require(name);
  }

  /** Sets a password and ends all of the user's tokens. */
  async setPassword(name: string, password: string): Promise<void> {
    this.#require(name);
    const key = await hashPassword(password);
    this.#db.transaction(() => {
      this.#db.run('UPDATE users SET password = ? WHERE name = ?', [key, name]);
      this.#db.run('DELETE FROM tokens WHERE user = ?', [name]);
    });
  }

  /** Removes an account; its pictures stay. @throws UserError `user.unknown`, `user.last-admin` */
  remove(name: string): void {
    this.#keepAnAdmin(this.#require(name));
    this.#db.run('DELETE FROM users WHERE name = ?', [name]);
  }

  /** The user when name and password fit. Takes as long for an unknown name as for a wrong password. */
  async verify(name: string, password: string): Promise<User | undefined> {
    const row = this.#row(name);
    const fits = await fitsPassword(password, row?.password ?? unknownUserKey);
    return row?.password && fits ? toUser(row) : undefined;
  }

  /** Changes whenever the password does, in whatever process; tells nothing about it. */
  passwordMark(name: string): string | undefined {
    const row = this.#row(name);
    return row?.password ? digest(row.password) : undefined;
  }

  /** A new access token; shown once. */
  issueToken(user: string, label: string, lifetimeMs?: number): string {
    this.#require(user);
    const token = `dr_${randomBytes(32).toString('base64url')}`;
    const now = Date.now();
    this.#db.run('INSERT INTO tokens (digest, user, label, created_at, expires_at) VALUES (?, ?, ?, ?, ?)', [
      digest(token),
      user,
      label,
      now,
      lifetimeMs === undefined ? undefined : now + lifetimeMs,
    ]);
    return token;
  }

  /** Whose token it is, while it is valid. */
  byToken(token: string): User | undefined {
    const row = this.#db.get<UserRow>(
      `SELECT users.* FROM tokens JOIN users ON users.name = tokens.user
       WHERE digest = ? AND (expires_at IS NULL OR expires_at > ?)`,
      [digest(token), Date.now()],
    );
    return row && toUser(row);
  }

  tokens(user: string): TokenInfo[] {
    const rows = this.#db.all<{ digest: string; label: string; created_at: number; expires_at: number | null }>(
      'SELECT * FROM tokens WHERE user = ? ORDER BY created_at',
      [user],
    );
    return rows.map((row) => ({
      id: row.digest.slice(0, 16),
      user,
      label: row.label,
      createdAt: row.created_at,
      ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    }));
  }

  /** Ends a token by its id or by itself. Returns whether there was one. */
  revokeToken(tokenOrId: string): boolean {
    const sql = 'DELETE FROM tokens WHERE digest = ? OR substr(digest, 1, 16) = ?';
    return this.#db.run(sql, [digest(tokenOrId), tokenOrId]) > 0;
  }

  #keepAnAdmin(user: User): void {
    const admins = this.list().filter((other) => other.role === 'admin');
    if (user.role === 'admin' && admins.length === 1) {
      throw new UserError('user.last-admin', `${user.name} is the only admin; make another one first.`);
    }
  }

  #row(name: string): UserRow | undefined {
    return this.#db.get<UserRow>('SELECT * FROM users WHERE name = ?', [name]);
  }

  #require(name: string): User {
    const user = this.get(name);
    if (!user) throw new UserError('user.unknown', `There is no user ${JSON.stringify(name)}.`);
    return user;
  }
}

/** A user's pictures lie in a folder of the user's name, so it must be a plain name and no date. */
function checkName(name: string): void {
  const plain = /^[a-z0-9][a-z0-9._-]{0,31}$/.test(name) && isSafeName(name) && !/^\d{4}-\d{2}-\d{2}$/.test(name);
  if (!plain || name === localUser) {
    throw new UserError(
      'user.name',
      `${JSON.stringify(name)} cannot be a user name: use up to 32 of a-z 0-9 . _ -, a letter or digit first; not ${localUser}.`,
    );
  }
}

function toUser(row: UserRow): User {
  return { name: row.name, role: row.role, hasPassword: row.password !== null, createdAt: row.created_at };
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** 32 MiB and some tens of milliseconds per try. */
const cost = { N: 32_768, r: 8, p: 1 } as const;
/** Fits no password: the key is shorter than any derived one. */
const unknownUserKey = `scrypt:${cost.N}:${cost.r}:${cost.p}:AAAAAAAAAAAAAAAAAAAAAA:AA`;

async function hashPassword(password: string): Promise<string> {
  if (password.length < 8 || password.length > 1000) {
    throw new UserError('user.password', `A password has 8 to 1000 characters, got ${password.length}.`);
  }
  const salt = randomBytes(16);
  const key = await derive(password, salt, cost);
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join(':');
}

async function fitsPassword(password: string, stored: string): Promise<boolean> {
  const [, n, r, p, salt, key] = stored.split(':');
  const parameters = { N: Number(n), r: Number(r), p: Number(p) };
  const derived = await derive(password.slice(0, 1000), Buffer.from(salt!, 'base64url'), parameters);
  const expected = Buffer.from(key!, 'base64url');
  return expected.length === derived.length && timingSafeEqual(expected, derived);
}

function derive(password: string, salt: Buffer, parameters: { N: number; r: number; p: number }): Promise<Buffer> {
  const options = { ...parameters, maxmem: 256 * parameters.N * parameters.r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
