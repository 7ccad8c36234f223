/**
 * Error classes shared by every room.
 *
 * A message says what went wrong, what was got, what was expected and what to do. Fields carry the same facts for
 * programs. `UserError` is a mistake the user can mend: faces print its message alone, without a stack.
 */

export class DarkroomError extends Error {
  /** Stable machine-readable name of the kind of error, e.g. `safetensors.header-too-large`. */
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** A mistake in what the user gave (a flag, a file, a request): shown as one clear sentence. */
export class UserError extends DarkroomError {}

/** An inconsistency inside Darkroom itself: shown with its stack, so that it can be reported. */
export class InternalError extends DarkroomError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('internal', message, options);
  }
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(message);
}
