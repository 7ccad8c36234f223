/**
 * What an endpoint is: its schemas and its handler in one place. Serving, checking and the OpenAPI document all read
 * the same table.
 */

import type { z } from 'zod';
import type { Method } from '#api/operation';
import type { Role } from '#api/rights';
import type { FormParts } from '#studio/reader/bounded-form';
import type { Upload } from '#studio/reader/large-bodies';
import type { Call } from './call.ts';

/** A body of parts: text fields and files by name. */
export type MultipartBody = FormParts<Upload>;

export interface Answer<A extends z.ZodType = z.ZodType> {
  /** Default 200. */
  readonly status?: 200 | 201 | 202 | 204;
  /** Left out: the handler answers with bytes or a stream (see `type`), or with nothing (204). */
  readonly schema?: A;
  /** Media type where it is not JSON. */
  readonly type?: string;
  readonly description: string;
}

export interface RouteInput<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

interface RouteFacts {
  readonly method: Method;
  /** With OpenAPI's placeholders: `/jobs/{id}`. */
  readonly path: string;
  /** Name of the operation in generated clients. */
  readonly operation: string;
  readonly tag: string;
  readonly summary: string;
  /** The least role that may call it. */
  readonly role: Role;
  /** Largest body in bytes; default 1 MiB. */
  readonly maxBody?: number;
  /** Completes a JSON body before it is checked. */
  readonly prepare?: (body: unknown) => unknown;
  readonly answer: Answer;
}

export interface RouteDefinition<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> extends RouteFacts {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Turns a multipart body into what `body` checks; without it only JSON is taken. */
  readonly fromMultipart?: (parts: MultipartBody) => unknown;
  /** What to answer: a value of `answer.schema`, or a whole Response. */
  handle(input: RouteInput<z.output<P>, z.output<Q>, z.output<B>>, call: Call): unknown;
}

/** A route whose schemas' types have been used up: all routes in one table. */
export interface Route extends RouteFacts {
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly fromMultipart?: (parts: MultipartBody) => unknown;
  handle(input: RouteInput<never, never, never>, call: Call): unknown;
}

export function route<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
  definition: RouteDefinition<P, Q, B>,
): Route {
  return definition;
}
