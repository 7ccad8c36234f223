/** One request as handlers see it: who asks, whether they are still there, and where to write. */

import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { Caller } from '#api/rights';

export { type Caller, maySee, requireRole, scopeOf } from '#api/rights';

export interface CallVariables {
  requestId: string;
  caller: Caller;
  /** Of the peer. */
  address: string;
  log: Logger;
  /** Aborted when the client goes away, or is not signed in any more. */
  signal: AbortSignal;
  /** Of another page that may use the API. */
  foreignOrigin: string | undefined;
}

export type ServerContext = Context<{ Variables: CallVariables }>;

export interface Call {
  readonly id: string;
  readonly caller: Caller;
  readonly log: Logger;
  readonly request: Request;
  readonly context: ServerContext;
  /** Aborted when the client goes away, or is not signed in any more. */
  readonly signal: AbortSignal;
}

export function callOf(c: ServerContext): Call {
  const request = c.req.raw;
  return {
    id: c.get('requestId'),
    caller: c.get('caller'),
    log: c.get('log'),
    request,
    context: c,
    signal: c.get('signal'),
  };
}
