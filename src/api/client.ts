/** A typed client of the API: one method an operation, over whatever sends a request and checks its status. */

import type { z } from 'zod';
import type { Operation } from './operation.ts';
import type { Operations } from './operations/index.ts';
import { requestOf, type WireRequest, type WireRow, type WireRows } from './wire-row.ts';

/** Sends a request; resolves to the answer's JSON, undefined where there is none. Rejects for a status of failure. */
export type Send = (request: WireRequest) => Promise<unknown>;

type JsonOperations = { [N in keyof Operations as Operations[N]['kind'] extends 'json' ? N : never]: Operations[N] };

/** The input may be left out where every field of it may. */
type Call<Op extends Operation> =
  Record<never, never> extends z.input<Op['input']>
    ? (input?: z.input<Op['input']>) => Promise<z.output<Op['output']>>
    : (input: z.input<Op['input']>) => Promise<z.output<Op['output']>>;

export type Client = { readonly [N in keyof JsonOperations]: Call<JsonOperations[N]> };

export function createClient(rows: WireRows, send: Send): Client {
  const calls = Object.entries<WireRow>(rows)
    .filter(([, { kind }]) => kind === 'json')
    .map(([name, row]) => [name, async (input: Record<string, unknown> = {}) => await send(requestOf(row, input))]);
  return Object.fromEntries(calls) as Client;
}

/** An operation's request, for answers that are no JSON. */
export function wireRequestOf<N extends keyof Operations>(
  rows: WireRows,
  name: N,
  input: z.input<Operations[N]['input']>,
): WireRequest {
  return requestOf(rows[name], input);
}

/** Address of a file or stream, below the API's base. */
export function addressOf<N extends keyof Operations>(
  rows: WireRows,
  name: N,
  input: z.input<Operations[N]['input']>,
): string {
  return wireRequestOf(rows, name, input).path;
}
