/** Errors as answers: the status for each kind, and the shape each family of clients expects. */

import { FieldError } from '#api/check';
import { DarkroomError, UserError } from '#core/errors';
import { DiskError } from '#studio/files/disk-error';

export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Codes whose status is not that of their kind (UserError 400, DiskError 503, others 500). */
const statuses: Readonly<Record<string, number>> = {
  'auth.required': 401,
  'auth.forbidden': 403,
  'auth.too-many-tries': 429,
  'host.refused': 421,
  'origin.refused': 403,
  'route.unknown': 404,
  'route.method': 405,
  'image.gone': 410,
  'job.input-gone': 410,
  'sampler.unknown': 400,
  'scheduler.unknown': 400,
  'script.not-found': 422,
  'init-images.unknown': 404,
  'job.state': 409,
  'disk.share': 409,
  'model.exists': 409,
  'model.fixed': 409,
  'job.cancelled': 409,
  'pull.state': 409,
  'user.exists': 409,
  'user.last-admin': 409,
  'body.too-large': 413,
  'image.too-large': 413,
  'net.too-large': 413,
  'events.upgrade': 426,
  // As web servers log it; nobody reads the answer.
  'client.gone': 499,
  'disk.name-too-long': 400,
  // The file, not the server, is at fault.
  'reader.left-alone': 422,
  'queue.full': 429,
  'body.busy': 429,
  'rate.limited': 429,
  'feature.missing': 501,
  'server.closing': 503,
  'store.busy': 503,
  'studio.not-ready': 503,
  'reader.closed': 503,
  'disk-full': 507,
  'store.disk-full': 507,
};

/** Seconds after which it is worth another try. */
const waits: Readonly<Record<string, string>> = {
  'queue.full': '5',
  'body.busy': '2',
  'store.busy': '2',
  'studio.not-ready': '5',
};

/** An error that says what its answer's headers are. */
export class AnswerError extends UserError {
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, message: string, headers: Readonly<Record<string, string>>) {
    super(code, message);
    this.headers = headers;
  }
}

const notYet = 'is not part of this version of Darkroom yet; leave it out of the request.';

/** What a request asks for and cannot have, and why: usually that this part is not there yet. */
export class MissingFeatureError extends UserError {
  constructor(what: string, why = notYet) {
    super('feature.missing', `${what} ${why}`);
  }
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof DarkroomError)) {
    // Other libraries' messages may hold paths; they go to the log only.
    return {
      status: 500,
      code: 'internal',
      message: 'Something went wrong inside Darkroom; its log says what.',
      headers: {},
    };
  }
  const { code } = error;
  const message = shortened(error instanceof DiskError ? capitalised(`${error.reason}.`) : error.message);
  const unknown = code.endsWith('.unknown') ? 404 : undefined;
  const ofKind = error instanceof UserError ? 400 : error instanceof DiskError ? 503 : 500;
  const status = statuses[code] ?? unknown ?? ofKind;
  return {
    status,
    code,
    message,
    ...(error instanceof FieldError && error.field !== '' ? { field: error.field } : {}),
    headers:
      error instanceof AnswerError ? error.headers : waits[code] === undefined ? {} : { 'retry-after': waits[code] },
  };
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What somebody sent is told back, but not all of 18 MB. */
function shortened(message: string): string {
  const longest = 2000;
  return message.length <= longest ? message : `${message.slice(0, longest)}… (${message.length} characters)`;
}

/** A way of writing failures, for the paths that begin with its prefix. */
export interface Dialect {
  readonly prefix: string;
  write(
    failure: Failure,
    requestId: string,
  ): { readonly body: unknown; readonly status?: number; readonly headers?: Readonly<Record<string, string>> };
}

export const nativeDialect: Dialect = {
  prefix: '/',
  write: ({ code, message, field }, requestId) => ({
    body: { error: { code, message, ...(field === undefined ? {} : { field }), requestId } },
  }),
};

/** The answer to a request that failed, in the words of the first dialect whose prefix fits. */
export function failureResponse(
  failure: Failure,
  dialects: readonly Dialect[],
  path: string,
  requestId: string,
): Response {
  const dialect = dialects.find(({ prefix }) => path.startsWith(prefix)) ?? nativeDialect;
  const { body, status, headers } = dialect.write(failure, requestId);
  return new Response(JSON.stringify(body), {
    status: status ?? failure.status,
    headers: { ...failure.headers, ...headers, 'content-type': 'application/json' },
  });
}
