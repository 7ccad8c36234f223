/**
 * Who asks. On loopback nobody needs to say; elsewhere a request carries the server's token, an account's token, or
 * name and password (HTTP Basic, which is what A1111's clients send).
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Caller, Role } from '#api/rights';
import type { UserError } from '#core/errors';
import { localUser } from '#studio/gallery/picture-path';
import type { Users } from '#studio/users/users';
import { AnswerError } from '../http/errors.ts';
import { Guesses, tooManyTries } from './guesses.ts';
import { TokenBuckets } from './token-buckets.ts';

export interface AccessRules {
  /** False: everybody who can connect is the local user, an admin. Only for loopback. */
  readonly required: boolean;
  /** Opens the server as the local user; besides accounts. */
  readonly token?: string;
}

/** A caller, and whether what it signed in with still holds. */
export interface Identity {
  readonly caller: Caller;
  /** False once its account, role, password or token is not what it was. */
  stillHolds(): boolean;
}

export const sessionCookie = 'darkroom_session';
export const localCaller: Caller = { name: localUser, role: 'admin' };
export const localIdentity: Identity = { caller: localCaller, stillHolds: () => true };

/** A password costs some tens of milliseconds to check: what fitted is remembered by a digest for a while. */
const rememberMs = 12 * 3_600_000;
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
  readonly #rememberKey = randomBytes(32);
  readonly #guesses = new Guesses();
  /** Wrong tokens by address. Right ones, which cannot be guessed, are never held up by them. */
  readonly #wrongTokens = new TokenBuckets({ burst: 10, perMinute: 10 });

  constructor(rules: AccessRules, users: Accounts) {
    this.#rules = rules;
    this.#users = users;
  }

  get required(): boolean {
    return this.#rules.required;
  }

  /** @throws UserError `auth.required`, `auth.too-many-tries` */
  async identify(request: Request, address: string): Promise<Identity> {
    if (!this.#rules.required) return localIdentity;
    const credentials = credentialsOf(request);
    if (!credentials) throw unauthorised(request, 'Give a token as "Authorization: Bearer …", or name and password.');
    const identity =
      'token' in credentials
        ? this.#byCountedToken(credentials.token, address)
        : await this.#byPassword(credentials, address);
    if (!identity) throw unauthorised(request, 'The token, or name and password, are not known here.');
    return identity;
  }

  #byCountedToken(token: string, address: string): Identity | undefined {
    const identity = this.#byToken(token);
    const wait = identity ? 0 : this.#wrongTokens.take(address);
    if (wait > 0) throw tooManyTries(wait);
    return identity;
  }

  #byToken(token: string): Identity | undefined {
    const own = this.#rules.token;
    if (own !== undefined && sameText(token, own)) return localIdentity;
    const user = this.#users.byToken(token);
    if (!user) return undefined;
    const { name, role } = user;
    return identityOf(name, role, () => {
      const now = this.#users.byToken(token);
      return now?.name === name && now.role === role;
    });
  }

  async #byPassword({ name, password }: NamePassword, address: string): Promise<Identity | undefined> {
    // A1111's clients can only send a pair: the server's token fits as a password.
    const byToken = this.#byToken(password);
    if (byToken) return byToken;
    const pair = JSON.stringify([name, password]);
    const key = createHmac('sha256', this.#rememberKey).update(pair).digest('hex');
    const known = this.#remembered.get(key);
    // A command in another process may have changed the password.
    if (known && known.until > performance.now() && known.mark === this.#users.passwordMark(known.name)) {
      return this.#signedIn(known.name);
    }
    const user = await this.#guesses.check(name, address, async () => await this.#users.verify(name, password));
    if (!user) return undefined;
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear();
    const mark = this.#users.passwordMark(user.name);
    this.#remembered.set(key, { name: user.name, mark, until: performance.now() + rememberMs });
    return this.#signedIn(user.name);
  }

  #signedIn(name: string): Identity | undefined {
    const user = this.#users.get(name);
    const mark = this.#users.passwordMark(name);
    return (
      user &&
      identityOf(name, user.role, () => {
        return this.#users.get(name)?.role === user.role && this.#users.passwordMark(name) === mark;
      })
    );
  }
}

function identityOf(name: string, role: Role, stillHolds: () => boolean): Identity {
  return { caller: { name, role }, stillHolds };
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

/**
 * Programs are offered Basic as well as Bearer. A page's own requests are not: its browser would put a window of its
 * own over the page that asks for the token.
 */
function unauthorised(request: Request, message: string): UserError {
  const isPage = /^Mozilla\//.test(request.headers.get('user-agent') ?? '');
  const offered = `Bearer realm="Darkroom"${isPage ? '' : ', Basic realm="Darkroom", charset="UTF-8"'}`;
  return new AnswerError('auth.required', message, { 'www-authenticate': offered });
}
