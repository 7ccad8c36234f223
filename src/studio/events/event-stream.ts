/** A queue between a source that pushes and a reader that iterates; ends once, with or without an error. */

export class EventStream<T> implements AsyncIterable<T> {
  readonly #supersedes: (next: T, waiting: T) => boolean;
  readonly #items: T[] = [];
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  readonly #done: Promise<void>;
  #resolveDone!: () => void;

  /** @param supersedes true when `next` makes the last waiting item pointless */
  constructor(supersedes: (next: T, waiting: T) => boolean = () => false) {
    this.#supersedes = supersedes;
    this.#done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  whenEnded(): Promise<void> {
    return this.#done;
  }

  push(item: T): void {
    if (this.#ended) return;
    const last = this.#items.at(-1);
    if (last !== undefined && this.#supersedes(item, last)) this.#items.pop();
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    this.#finish(undefined);
  }

  fail(error: unknown): void {
    this.#finish(error);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (true) {
      while (this.#items.length > 0) yield this.#items.shift()!;
      if (this.#ended) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #finish(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#resolveDone();
    this.#wake?.();
  }
}
