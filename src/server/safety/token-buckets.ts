/** Rate limits: a bucket of tokens for each key, filled at a steady rate (the token bucket of RFC 2697's kind). */

export interface BucketOptions {
  /** Requests that may come at once. */
  readonly burst: number;
  readonly perMinute: number;
  /** Milliseconds that never run backwards; tests give their own. */
  readonly now?: () => number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const maxKeys = 10_000;

export class TokenBuckets {
  readonly #options: BucketOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** Seconds until a token is there; 0 when one is. Takes none. */
  peek(key: string): number {
    const { tokens } = this.#fill(key);
    return tokens >= 1 ? 0 : ((1 - tokens) * 60) / this.#options.perMinute;
  }

  /** Takes a token. Seconds to wait when there was none, else 0. */
  take(key: string): number {
    const wait = this.peek(key);
    if (wait === 0) this.#fill(key).tokens -= 1;
    return wait;
  }

  /** Puts a token back that turned out not to be needed. */
  giveBack(key: string): void {
    const bucket = this.#fill(key);
    bucket.tokens = Math.min(this.#options.burst, bucket.tokens + 1);
  }

  /** Whether nothing was taken from it lately. */
  isFull(key: string): boolean {
    return this.#fill(key).tokens >= this.#options.burst;
  }

  #fill(key: string): Bucket {
    const { burst, perMinute } = this.#options;
    const now = (this.#options.now ?? monotonic)();
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 60_000) * perMinute);
    bucket.at = now;
    if (this.#buckets.size >= maxKeys) this.#dropFull(now);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Full buckets say nothing; if none is full, all start anew rather than fill the memory. */
  #dropFull(now: number): void {
    const { burst, perMinute } = this.#options;
    for (const [key, { tokens, at }] of this.#buckets) {
      if (tokens + ((now - at) / 60_000) * perMinute >= burst) this.#buckets.delete(key);
    }
    if (this.#buckets.size >= maxKeys) this.#buckets.clear();
  }
}

const monotonic = (): number => performance.now();
