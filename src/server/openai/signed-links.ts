/** Links to pictures that work for an hour without signing in, as OpenAI's do; the key lives as long as the process. */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const lifetimeMs = 3_600_000;

export class SignedLinks {
  readonly #key = randomBytes(32);

  /** Path and query. */
  sign(id: string, now = Date.now()): string {
    const expires = String(now + lifetimeMs);
    return `/v1/images/files/${id}?expires=${expires}&signature=${this.#signature(id, expires)}`;
  }

  isValid(id: string, expires: string, signature: string, now = Date.now()): boolean {
    const expected = Buffer.from(this.#signature(id, expires));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected) && Number(expires) > now;
  }

  #signature(id: string, expires: string): string {
    return createHmac('sha256', this.#key).update(`${id} ${expires}`).digest('base64url');
  }
}
