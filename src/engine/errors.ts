/** Failures of an execution backend. */

import { DarkroomError } from '#core/errors';

/**
 * Kinds of failure, so that a caller can act: `out-of-memory` (smaller tiles, fewer sessions), `unavailable` (another
 * device), `lost` (the device went away; sessions made anew may work), `feed` (a mistake of the caller), `compile` and
 * `run` (the runtime refused), `disposed`.
 */
export type EngineFailure = 'out-of-memory' | 'unavailable' | 'lost' | 'feed' | 'compile' | 'run' | 'disposed';

export class EngineError extends DarkroomError {
  readonly failure: EngineFailure;
  readonly backend: string;

  constructor(failure: EngineFailure, backend: string, message: string, options?: { cause?: unknown }) {
    super(`engine.${failure}`, message, options);
    this.failure = failure;
    this.backend = backend;
  }
}

const memoryPhrases = [
  'bad_alloc',
  'out of memory',
  'outofmemory',
  'failed to allocate',
  'array buffer allocation failed',
  'cannot allocate memory',
  'enough memory',
];

const unavailablePhrases = ['webgpu adapter', 'failed to load shared library', 'backend not found'];

/** Without the place in the runtime's own source, and on one line. */
function withoutSource(message: string): string {
  return message
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replace(/\/\S+\.cc:\d+ .* was false\. /, '');
}

/** Wraps what a runtime threw; messages about memory become `out-of-memory` whatever was going on. */
export function toEngineError(failure: EngineFailure, backend: string, doing: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause;
  const reason = withoutSource(cause instanceof Error ? cause.message : String(cause));
  const lower = reason.toLowerCase();
  if (memoryPhrases.some((phrase) => lower.includes(phrase))) {
    return new EngineError(
      'out-of-memory',
      backend,
      `${backend} ran out of memory while ${doing}; use a smaller size, a smaller batch or tiles (${reason})`,
      { cause },
    );
  }
  if (unavailablePhrases.some((phrase) => lower.includes(phrase))) {
    const message = `${backend} cannot be used on this machine: ${reason}`;
    return new EngineError('unavailable', backend, message, { cause });
  }
  return new EngineError(failure, backend, `${backend} failed while ${doing}: ${reason}`, { cause });
}
