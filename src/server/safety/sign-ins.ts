/**
 * Requests at work, by what they signed in with: those whose account, role, password or token changes are ended, be
 * they streams without an end or answers that still wait.
 */

import { UserError } from '#core/errors';
import type { Studio } from '#studio/studio';
import type { Identity } from './access.ts';

/** Tokens run out by themselves. */
const lookEveryMs = 15_000;

export class SignIns {
  readonly #open = new Set<{ readonly identity: Identity; readonly end: AbortController }>();
  #timer: NodeJS.Timeout | undefined;

  /** Looks whenever accounts change, in this process or by a command in another one. */
  watch(studio: Pick<Studio, 'users' | 'events'>): void {
    studio.users.onChange(() => this.#look());
    studio.events.subscribe(({ type }) => {
      if (type === 'reset') this.#look();
    });
  }

  /** @returns a signal that is aborted when it does not hold any more, and what ends the watch */
  open(identity: Identity): { readonly signal: AbortSignal; readonly close: () => void } {
    const entry = { identity, end: new AbortController() };
    this.#open.add(entry);
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    return { signal: entry.end.signal, close: () => this.#close(entry) };
  }

  #close(entry: { readonly identity: Identity; readonly end: AbortController }): void {
    this.#open.delete(entry);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends the watch over those that are still open. */
  close(): void {
    clearInterval(this.#timer);
    this.#open.clear();
  }

  #look(): void {
    for (const { identity, end } of [...this.#open]) {
      if (!holds(identity)) end.abort(new UserError('auth.required', 'You are not signed in any more.'));
    }
  }
}

/** While the database cannot be asked nobody is sent away; there will be a next look. */
function holds(identity: Identity): boolean {
  try {
    return identity.stillHolds();
  } catch {
    return true;
  }
}
