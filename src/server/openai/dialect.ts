/**
 * OpenAI's error objects. Its clients try again on 408, 409, 429 and from 500 up, which for a picture that takes
 * minutes would be made three times over: what trying again cannot mend says so (`x-should-retry`).
 */

import type { Dialect, Failure } from '../http/errors.ts';

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

/** Clients compare with these of OpenAI's own. */
const codes: Readonly<Record<string, string>> = {
  'model.unknown': 'model_not_found',
  'auth.required': 'invalid_api_key',
};

export const openAiDialect: Dialect = {
  prefix: '/v1/',
  write(failure) {
    const status = failure.code === 'feature.missing' ? 400 : failure.status;
    const type = types[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
    return {
      status,
      body: { error: errorObject(failure, type) },
      headers: { 'x-should-retry': String(status === 429 || status === 503) },
    };
  },
};

export function errorObject({ code, message, field }: Pick<Failure, 'code' | 'message' | 'field'>, type: string) {
  return { message, type, param: field ?? null, code: codes[code] ?? code.replaceAll(/[.-]/g, '_') };
}
