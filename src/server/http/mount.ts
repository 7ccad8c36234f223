/** Puts a table of routes onto an app: input is checked before a handler sees it, answers are written as declared. */

import type { Hono } from 'hono';
import { check, coerceFields } from '#api/check';
import { defaultMaxBody, isMultipart, limitBody, readJson, readMultipart } from './body.ts';
import type { CallVariables, ServerContext } from './call.ts';
import { callOf, requireRole } from './call.ts';
import type { Route } from './route.ts';

export type ServerApp = Hono<{ Variables: CallVariables }>;

export interface MountOptions {
  /** Also holds what handlers answer to its schema; for tests. */
  readonly checkAnswers?: boolean;
}

export function mount(app: ServerApp, base: string, routes: readonly Route[], options: MountOptions = {}): void {
  for (const route of routes) {
    const path = base + route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const limit = limitBody(route.maxBody ?? defaultMaxBody);
    app.on(route.method, path, limit, (c) => serve(route, c, options));
  }
}

async function serve(route: Route, c: ServerContext, options: MountOptions): Promise<Response> {
  const call = callOf(c);
  requireRole(call.caller, route.role);
  const input = {
    params: route.params ? check(route.params, c.req.param(), 'path') : {},
    query: route.query ? check(route.query, coerceFields(route.query, Object.entries(c.req.queries())), 'query') : {},
    body: route.body ? check(route.body, await bodyOf(route, c.req.raw), 'body') : undefined,
  };
  const value = await route.handle(input as never, call);
  if (value instanceof Response) return value;
  const { schema, status } = route.answer;
  if (!schema) return new Response(null, { status: status ?? 204 });
  if (options.checkAnswers) schema.parse(value);
  return Response.json(value, { status: status ?? 200 });
}

async function bodyOf(route: Route, request: Request): Promise<unknown> {
  if (route.fromMultipart && isMultipart(request)) return route.fromMultipart(await readMultipart(request));
  // No body at all is an empty one: every field then has its default, or is told to be missing.
  const body = await readJson(request);
  const given = body === undefined ? {} : body;
  return route.prepare ? route.prepare(given) : given;
}
