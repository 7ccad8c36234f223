/**
 * Guessing of passwords, counted before the work of checking one and by account and address apart.
 *
 * Who has not failed lately with an account from an address may always try it, so that right credentials are never
 * locked out by others' wrong ones: neither by a flood on the account from elsewhere nor by one on other accounts from
 * the same address. Who has failed needs a token of each bucket: of the pair, of the account, of the address.
 */

import { AnswerError } from '../http/errors.ts';
import { TokenBuckets } from './token-buckets.ts';

/** Checks of one address that may be at work or wait for it. */
const atOnce = 4;

export class Guesses {
  readonly #pairs: TokenBuckets;
  readonly #accounts: TokenBuckets;
  readonly #addresses: TokenBuckets;
  readonly #working = new Map<string, number>();

  constructor(now?: () => number) {
    this.#pairs = new TokenBuckets({ burst: 10, perMinute: 10, now });
    this.#accounts = new TokenBuckets({ burst: 20, perMinute: 20, now });
    this.#addresses = new TokenBuckets({ burst: 30, perMinute: 20, now });
  }

  /**
   * Counts a try, runs the check, and takes the count back when it fitted.
   * @throws AnswerError `auth.too-many-tries` before any work
   */
  async check<T>(account: string, address: string, fits: () => Promise<T | undefined>): Promise<T | undefined> {
    const pair = JSON.stringify([account, address]);
    const isFirst = this.#pairs.isFull(pair);
    const waits = [this.#pairs.take(pair), this.#accounts.take(account), this.#addresses.take(address)];
    const wait = isFirst ? 0 : Math.max(...waits);
    const working = this.#working.get(address) ?? 0;
    if (wait > 0 || working >= atOnce) throw tooManyTries(Math.max(wait, 1));
    this.#working.set(address, working + 1);
    try {
      const found = await fits();
      if (found !== undefined) this.#takeBack(pair, account, address);
      return found;
    } finally {
      this.#end(address);
    }
  }

  #takeBack(pair: string, account: string, address: string): void {
    this.#pairs.giveBack(pair);
    this.#accounts.giveBack(account);
    this.#addresses.giveBack(address);
  }

  #end(address: string): void {
    const working = this.#working.get(address)! - 1;
    if (working === 0) this.#working.delete(address);
    else this.#working.set(address, working);
  }
}

export function tooManyTries(seconds: number): AnswerError {
  const headers = { 'retry-after': String(Math.ceil(seconds)) };
  return new AnswerError('auth.too-many-tries', 'Too many wrong tokens or passwords; wait a little.', headers);
}
