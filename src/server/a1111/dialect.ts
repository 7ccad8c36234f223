/** A1111's error bodies: FastAPI's list of details for a wrong field, `{error, detail, body, errors}` for the rest. */

import type { Dialect, Failure } from '../http/errors.ts';

export const a1111Dialects: readonly Dialect[] = ['/sdapi/', '/internal/', '/controlnet/'].map((prefix) => ({
  prefix,
  write: writeFailure,
}));

function writeFailure(failure: Failure): { body: unknown; status?: number } {
  const { code, message, field, status } = failure;
  if (status === 400 || status === 422) {
    // Clients that know upstream look for 422 when a field is wrong.
    const loc = field === undefined ? ['body'] : ['body', ...field.split('.')];
    return {
      status: 422,
      body: { error: code, detail: [{ loc, msg: message, type: code }], body: '', errors: message },
    };
  }
  const name = status === 401 ? 'Unauthorized' : status === 404 ? 'Not Found' : code;
  return { body: { error: name, detail: message, body: '', errors: message } };
}
