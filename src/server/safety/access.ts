/**
 * Who asks. On loopback nobody needs to say; elsewhere a request carries the server's token, an account's token, or
 * name and password (HTTP Basic, which is what A1111's clients send).
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { UserError } from '#core/errors';
import { localUser } from '#studio/gallery/picture-path';
import type { Users } from '#studio/users/users';
import type { Caller } from '../http/call.ts';
import { AnswerError } from '../http/errors.ts';
import { TokenBuckets } from './token-buckets.ts';

export interface AccessRules {
  /** False: everybody who can connect is the local user, an admin. Only for loopback. */
  readonly required: boolean;
  /** Opens the server as the local user; besides accounts. */
  readonly token?: string;
}

export const sessionCookie = 'darkroom_session';
export const localCaller: Caller = { name: localUser, role: 'admin' };

/** A password costs some tens of milliseconds to check: what fitted is remembered by its digest for a while. */
const rememberMs = 300_000;
const maxRemembered = 1000;

type Accounts = Pick<Users, 'byToken' | 'verify' | 'get' | 'passwordMark'>;

interface Remembered {
  readonly name: string;
  readonly mark: string | undefined;
  readonly until: number;
}

export class Access {
  readonly #rules: AccessRules;
  readonly #users: Accounts;
  readonly #remembered = new Map<string, Remembered>();
  /** Wrong tokens and passwords: ten at once, then one each six seconds, by address. */
  readonly #tries = new TokenBuckets({ burst: 10, perMinute: 10 });

  constructor(rules: AccessRules, users: Accounts) {
    this.#rules = rules;
    this.#users = users;
  }

  get required(): boolean {
    return this.#rules.required;
  }

  /** @throws UserError `auth.required`, `auth.too-many-tries` */
  async identify(request: Request, address: string): Promise<Caller> {
    if (!this.#rules.required) return localCaller;
    const credentials = credentialsOf(request);
    if (!credentials) throw unauthorised('Give a token as "Authorization: Bearer …", or name and password.');
    const waitSeconds = this.#tries.peek(address);
    if (waitSeconds > 0) {
      const headers = { 'retry-after': String(Math.ceil(waitSeconds)) };
      throw new AnswerError('auth.too-many-tries', 'Too many wrong tokens or passwords; wait a little.', headers);
    }
    const caller = 'token' in credentials ? this.byToken(credentials.token) : await this.#byPassword(credentials);
    if (caller) return caller;
    this.#tries.take(address);
    throw unauthorised('The token, or name and password, are not known here.');
  }

  byToken(token: string): Caller | undefined {
    const own = this.#rules.token;
    if (own !== undefined && sameText(token, own)) return localCaller;
    const user = this.#users.byToken(token);
    return user && { name: user.name, role: user.role };
  }

  async #byPassword({ name, password }: NamePassword): Promise<Caller | undefined> {
    // A1111's clients can only send a pair: the server's token fits as a password.
    const byToken = this.byToken(password);
    if (byToken) return byToken;
    const key = createHash('sha256')
      .update(JSON.stringify([name, password]))
      .digest('hex');
    const known = this.#remembered.get(key);
    // A command in another process may have changed the password.
    if (known && known.until > Date.now() && known.mark === this.#users.passwordMark(known.name)) {
      const user = this.#users.get(known.name);
      return user && { name: user.name, role: user.role };
    }
    const user = await this.#users.verify(name, password);
    if (!user) return undefined;
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear();
    const mark = this.#users.passwordMark(user.name);
    this.#remembered.set(key, { name: user.name, mark, until: Date.now() + rememberMs });
    return { name: user.name, role: user.role };
  }

  /** After a password or account changed. */
  forget(): void {
    this.#remembered.clear();
  }
}

interface NamePassword {
  readonly name: string;
  readonly password: string;
}

function credentialsOf(request: Request): NamePassword | { readonly token: string } | undefined {
  const header = request.headers.get('authorization') ?? '';
  const bearer = /^bearer\s+(\S+)$/i.exec(header)?.[1];
  if (bearer !== undefined) return { token: bearer };
  const basic = /^basic\s+([A-Za-z0-9+/=]+)$/i.exec(header)?.[1];
  if (basic !== undefined) {
    const [name, ...password] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    return { name: name!, password: password.join(':') };
  }
  const cookies = request.headers.get('cookie') ?? '';
  const session = cookies.split(/;\s*/).find((cookie) => cookie.startsWith(`${sessionCookie}=`));
  return session === undefined ? undefined : { token: decodeURIComponentSafe(session.slice(sessionCookie.length + 1)) };
}

function decodeURIComponentSafe(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** In a time that tells nothing about where they differ. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function unauthorised(message: string): UserError {
  return new AnswerError('auth.required', message, { 'www-authenticate': 'Bearer realm="Darkroom"' });
}
