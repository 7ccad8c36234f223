/** Puts a table of routes onto an app: input is checked before a handler sees it, answers are written as declared. */

import type { Hono } from 'hono';
import { check, coerceFields } from '#api/check';
import type { LargeBodies } from '#studio/reader/large-bodies';
import { type Body, defaultMaxBody, readBody } from './body.ts';
import type { CallVariables, ServerContext } from './call.ts';
import { callOf, requireRole } from './call.ts';
import { checkInTurns } from './check-in-turns.ts';
import { jsonAnswer } from './json-answer.ts';
import type { MultipartBody, Route } from './route.ts';

export type ServerApp = Hono<{ Variables: CallVariables }>;

export interface MountOptions {
  /** Also holds what handlers answer to its schema; for tests. */
  readonly checkAnswers?: boolean;
}

/** What routes are mounted with. */
export interface Mounted extends MountOptions {
  readonly bodies: LargeBodies;
  /** Resolves when what a request changes can be written down. */
  readonly untilFree: () => Promise<void>;
}

export function mount(app: ServerApp, base: string, routes: readonly Route[], mounted: Mounted): void {
  for (const route of routes) {
    const path = base + route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    app.on(route.method, path, (c) => serve(route, c, mounted));
  }
}

async function serve(route: Route, c: ServerContext, { bodies, checkAnswers, untilFree }: Mounted): Promise<Response> {
  const call = callOf(c);
  requireRole(call.caller, route.role);
  const params = route.params ? check(route.params, c.req.param(), 'path') : {};
  const query = route.query
    ? check(route.query, coerceFields(route.query, Object.entries(c.req.queries())), 'query')
    : {};
  const body = route.body ? await readBodyOf(route, c, bodies) : undefined;
  try {
    const input = {
      params,
      query,
      body: route.body && body ? await checkInTurns(route.body, given(route, body), 'body') : undefined,
    };
    if (route.method !== 'get') await untilFree();
    return await answerOf(route, await route.handle(input as never, call), checkAnswers ?? false);
  } finally {
    await body?.dispose();
  }
}

async function answerOf({ answer }: Route, value: unknown, isChecked: boolean): Promise<Response> {
  if (value instanceof Response) return value;
  const { schema, status } = answer;
  if (!schema) return new Response(null, { status: status ?? 204 });
  if (isChecked) schema.parse(value);
  return await jsonAnswer(value, status ?? 200);
}

async function readBodyOf(route: Route, c: ServerContext, bodies: LargeBodies): Promise<Body> {
  const rules = {
    maxBytes: route.maxBody ?? defaultMaxBody,
    takesForms: route.fromMultipart !== undefined,
    senders: [`account ${c.get('caller').name}`, `address ${c.get('address')}`],
    signal: c.get('signal'),
  };
  return await readBody(c.req.raw, rules, bodies);
}

function given(route: Route, { value, isForm }: Body): unknown {
  if (isForm) return route.fromMultipart!(value as MultipartBody);
  // No body at all is an empty one: every field then has its default, or is told to be missing.
  const body = value === undefined ? {} : value;
  return route.prepare ? route.prepare(body) : body;
}
