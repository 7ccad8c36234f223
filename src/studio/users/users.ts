/**
 * Accounts: who may use a studio that others can reach. Passwords are kept as scrypt keys (RFC 7914), tokens as
 * sha256 digests, neither can be read back.
 */

import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type TokenInfo, tokenSchema, type User, userSchema } from '#api/records/user';
import type { Role } from '#api/rights';
import { UserError } from '#core/errors';
import { isSafeName } from '../files/safe-path.ts';
import { localUser } from '../gallery/picture-path.ts';
import type { Database } from '../store/database.ts';
import { equals, Table } from '../store/table.ts';
import { fitsPassword, hashPassword, unknownUserKey } from './password.ts';

/** What is kept of an account: the scrypt key of its password, absent where there is no login by password. */
const storedUserSchema = userSchema.omit({ hasPassword: true }).extend({ password: z.string().optional() });
type StoredUser = z.output<typeof storedUserSchema>;

const storedTokenSchema = tokenSchema.omit({ id: true }).extend({ digest: z.string() });

export class Users {
  readonly #db: Database;
  readonly #table: Table<typeof storedUserSchema>;
  readonly #tokens: Table<typeof storedTokenSchema>;
  readonly #listeners = new Set<() => void>();

  constructor(db: Database) {
    this.#db = db;
    this.#table = new Table(db, 'users', storedUserSchema, { key: 'name' });
    this.#tokens = new Table(db, 'tokens', storedTokenSchema, { key: 'digest' });
  }

  /** Told after an account, a role, a password or a token was changed here. @returns ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  list(): User[] {
    return this.#table.all().map(toUser);
  }

  get(name: string): User | undefined {
    const stored = this.#table.get(name);
    return stored && toUser(stored);
  }

  /** @throws UserError `user.name`, `user.exists`, `user.password` */
  async create(name: string, role: Role, password?: string): Promise<User> {
    checkName(name);
    this.#checkFree(name);
    const key = password === undefined ? undefined : await hashPassword(password);
    this.#db.transaction(() => {
      // Hashing takes its time, in which another may have taken the name.
      this.#checkFree(name);
      this.#table.insert({ name, role, password: key, createdAt: Date.now() });
    });
    return this.#require(name);
  }

  /** @throws UserError `user.unknown`, `user.last-admin` */
  setRole(name: string, role: Role): User {
    this.#db.transaction(() => {
      const user = this.#require(name);
      if (role !== 'admin') this.#keepAnAdmin(user);
      this.#table.update(name, { role });
    });
    this.#changed();
    return this.#require(name);
  }

  /** Sets a password and ends all of the user's tokens. */
  async setPassword(name: string, password: string): Promise<void> {
    const { createdAt } = this.#require(name);
    const key = await hashPassword(password);
    this.#db.transaction(() => {
      // A later account of that name is somebody else.
      if (this.#require(name).createdAt !== createdAt) throw unknownUser(name);
      this.#table.update(name, { password: key });
      this.#tokens.delete(equals('user', name)!);
    });
    this.#changed();
  }

  /**
   * Removes an account. Its pictures, boards and jobs stay, as the local user's: a later account of the same name is
   * somebody else. @throws UserError `user.unknown`, `user.last-admin`
   */
  remove(name: string): void {
    this.#db.transaction(() => {
      this.#keepAnAdmin(this.#require(name));
      for (const table of ['images', 'jobs']) {
        this.#db.run(`UPDATE ${table} SET user = ? WHERE user = ?`, [localUser, name]);
      }
      this.#db.run("UPDATE boards SET user = ?1, name = name || ' (' || user || ' ' || id || ')' WHERE user = ?2", [
        localUser,
        name,
      ]);
      this.#db.run('DELETE FROM turns WHERE user = ?', [name]);
      this.#table.delete(equals('name', name)!);
    });
    this.#changed();
  }

  /** The user when name and password fit. Takes as long for an unknown name as for a wrong password. */
  async verify(name: string, password: string): Promise<User | undefined> {
    const stored = this.#table.get(name);
    const fits = await fitsPassword(password, stored?.password ?? unknownUserKey);
    return stored?.password && fits ? toUser(stored) : undefined;
  }

  /** Changes whenever the password does, in whatever process; tells nothing about it. */
  passwordMark(name: string): string | undefined {
    const password = this.#table.get(name)?.password;
    return password && digest(password);
  }

  /** A new access token; shown once. */
  issueToken(user: string, label: string, lifetimeMs?: number): string {
    this.#require(user);
    const token = `dr_${randomBytes(32).toString('base64url')}`;
    const now = Date.now();
    const expiresAt = lifetimeMs === undefined ? undefined : now + lifetimeMs;
    this.#tokens.insert({ digest: digest(token), user, label, createdAt: now, expiresAt });
    return token;
  }

  /** Whose token it is, while it is valid. */
  byToken(token: string): User | undefined {
    const { user, expiresAt = Number.POSITIVE_INFINITY } = this.#tokens.get(digest(token)) ?? {};
    return user === undefined || expiresAt <= Date.now() ? undefined : this.get(user);
  }

  tokens(user: string): TokenInfo[] {
    const stored = this.#tokens.all(equals('user', user), 'created_at');
    return stored.map(({ digest: whole, ...token }) => ({ id: whole.slice(0, 16), ...token }));
  }

  /** Ends a token by its id or by itself. Returns whether there was one. */
  revokeToken(tokenOrId: string): boolean {
    const sql = 'DELETE FROM tokens WHERE digest = ? OR substr(digest, 1, 16) = ?';
    const ended = this.#db.run(sql, [digest(tokenOrId), tokenOrId]) > 0;
    this.#changed();
    return ended;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #keepAnAdmin(user: User): void {
    const admins = this.list().filter((other) => other.role === 'admin');
    if (user.role === 'admin' && admins.length === 1) {
      throw new UserError('user.last-admin', `${user.name} is the only admin; make another one first.`);
    }
  }

  #require(name: string): User {
    const user = this.get(name);
    if (!user) throw unknownUser(name);
    return user;
  }

  #checkFree(name: string): void {
    if (this.#table.get(name)) throw new UserError('user.exists', `There is a user ${name} already.`);
  }
}

function unknownUser(name: string): UserError {
  return new UserError('user.unknown', `There is no user ${JSON.stringify(name)}.`);
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

function toUser({ password, ...user }: StoredUser): User {
  return { ...user, hasPassword: password !== undefined };
}

/** Names a token, also one that was ended; not the token itself. */
export function tokenId(token: string): string {
  return digest(token).slice(0, 16);
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
