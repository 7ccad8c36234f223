/**
 * What happens in the studio, for those who watch: an in-process bus whose events carry increasing ids, with a window
 * of the latest kept, so that a client which lost its connection resumes where it was (SSE's Last-Event-ID).
 *
 * Ids grow over restarts as well: the high part counts the starts. A client that asks for an event which is no longer
 * kept gets a `reset` first: it must fetch the state anew.
 */

import { InternalError } from '#core/errors';
import { weightOf } from './weight.ts';

export type BusEvent<Events> = {
  [Type in keyof Events & string]: {
    readonly id: number;
    readonly type: Type;
    /** Whose it is; absent: everybody's. */
    readonly user?: string;
    /** Milliseconds since 1970. */
    readonly at: number;
    readonly data: Events[Type];
  };
}[keyof Events & string];

export interface EmitOptions {
  readonly user?: string;
  /** False: only for those who listen now (previews, progress); not kept for resuming. */
  readonly keep?: boolean;
}

/** Not generic in the type of event, so that a bus of many kinds can be handed to a part that emits a few. */
export type Emit<Events> = (
  ...args: {
    [Type in keyof Events & string]: [type: Type, data: Events[Type], options?: EmitOptions];
  }[keyof Events & string]
) => void;

/** Said to a client that asked to resume from an event that is gone. */
export interface ResetEvents {
  reset: { readonly reason: string };
}

export interface BusOptions {
  /** Number of this start, from 0; makes ids grow over restarts. */
  readonly epoch?: number;
  /** Events kept for resuming; default 2,048. */
  readonly keep?: number;
  /** What they may hold in all, in characters of text and 16 for each value; default 16 Mi. */
  readonly keepText?: number;
  /** Told of a listener that threw; the others still get the event. */
  readonly onError?: (error: unknown) => void;
}

const idsPerEpoch = 2 ** 32;

export class EventBus<Events extends ResetEvents> {
  readonly #listeners = new Set<(event: BusEvent<Events>) => void>();
  readonly #kept: BusEvent<Events>[] = [];
  readonly #limit: number;
  readonly #textLimit: number;
  /** Of the events that are kept. */
  #text = 0;
  readonly #onError: (error: unknown) => void;
  readonly #firstId: number;
  #lastId: number;
  /** Id of the newest event that was dropped from the window. */
  #dropped: number;

  constructor(options: BusOptions = {}) {
    const epoch = options.epoch ?? 0;
    if (epoch >= 2 ** 20) throw new InternalError(`event epoch ${epoch} is out of range`);
    this.#firstId = epoch * idsPerEpoch;
    this.#lastId = this.#firstId;
    this.#dropped = this.#firstId;
    this.#limit = options.keep ?? 2048;
    this.#textLimit = options.keepText ?? 16 * 2 ** 20;
    this.#onError = options.onError ?? (() => {});
  }

  get lastId(): number {
    return this.#lastId;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  readonly emit: Emit<Events> = (type, data, options: EmitOptions = {}) => {
    const user = options.user === undefined ? {} : { user: options.user };
    const event = { id: ++this.#lastId, type, at: Date.now(), data, ...user } as BusEvent<Events>;
    if (options.keep !== false) this.#keep(event);
    for (const listener of this.#listeners) this.#deliver(listener, event);
  };

  /**
   * Listens from now on, or from right after event `after`. Kept events are delivered before this returns.
   * @returns a function that ends it
   */
  subscribe(listener: (event: BusEvent<Events>) => void, after?: number): () => void {
    if (after !== undefined) this.#replay(listener, after);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #keep(event: BusEvent<Events>): void {
    this.#kept.push(event);
    this.#text += weightOf(event.data);
    // Dropped in blocks: shifting one by one would move the whole window on every event.
    if (this.#kept.length >= this.#limit * 1.25) this.#drop(this.#kept.length - this.#limit);
    while (this.#text > this.#textLimit && this.#kept.length > 1) this.#drop(Math.ceil(this.#kept.length / 2));
  }

  #drop(count: number): void {
    const gone = this.#kept.splice(0, count);
    for (const { data } of gone) this.#text -= weightOf(data);
    this.#dropped = gone.at(-1)!.id;
  }

  #replay(listener: (event: BusEvent<Events>) => void, after: number): void {
    if (after < this.#dropped || after > this.#lastId) {
      const data = { reason: 'Older events are gone; fetch the state anew.' };
      const reset = { id: this.#lastId, type: 'reset', at: Date.now(), data } as unknown as BusEvent<Events>;
      this.#deliver(listener, reset);
      return;
    }
    for (const event of this.#kept) if (event.id > after) this.#deliver(listener, event);
  }

  #deliver(listener: (event: BusEvent<Events>) => void, event: BusEvent<Events>): void {
    try {
      listener(event);
    } catch (error) {
      this.#onError(error);
    }
  }
}
