/**
 * The HTTP server as a Hono app: native API, OpenAI's and A1111's, the page, and what watches over all of them. It
 * opens no socket (see listen.ts) and holds no state that the studio should hold.
 */

import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import type { Logger } from 'pino';
import { UserError } from '#core/errors';
import type { Studio } from '#studio/studio';
import { a1111Dialects } from './a1111/dialect.ts';
import { a1111Groups } from './a1111/groups.ts';
import { OptionStore } from './a1111/options.ts';
import type { Caller, ServerContext } from './http/call.ts';
import { AnswerError, type Dialect, failureOf, failureResponse, nativeDialect } from './http/errors.ts';
import { type MountOptions, mount, type ServerApp } from './http/mount.ts';
import { mountPage, pagePolicy } from './http/static.ts';
import { Turns } from './http/turns.ts';
import { mountEventSocket } from './native/event-socket.ts';
import { nativeRoutes } from './native/routes.ts';
import { Metrics } from './observe/metrics.ts';
import { openAiDialect } from './openai/dialect.ts';
import { openAiRoutes } from './openai/routes.ts';
import { SignedLinks } from './openai/signed-links.ts';
import { openApiDocument, type RouteGroup } from './openapi/document.ts';
import { apiPage } from './openapi/page.ts';
import type { PictureSources } from './pictures.ts';
import { Access, type AccessRules, localCaller } from './safety/access.ts';
import { checkOrigin, type OriginRules } from './safety/origin.ts';
import { type BucketOptions, TokenBuckets } from './safety/token-buckets.ts';

export interface ServerOptions extends MountOptions {
  readonly studio: Studio;
  readonly log: Logger;
  readonly version: string;
  /** Default: nobody needs to say who they are. Only right on loopback. */
  readonly access?: AccessRules;
  /** Default: addresses and localhost, no foreign pages. */
  readonly origins?: OriginRules;
  /** Requests of one user; default 600 a minute, 200 at once, and none where no account is needed. */
  readonly rateLimit?: BucketOptions | false;
  /** Pictures by address in requests. */
  readonly urls?: Pick<PictureSources, 'allowUrls' | 'allowPrivateUrls'>;
  /** Folder of the built page; none is served when left out. */
  readonly pageFolder?: string;
}

export interface Server {
  readonly app: ServerApp;
  /** From now on `/readyz` says no and new work is refused. */
  close(): void;
}

/** What the parts of the server share. */
export interface ServerParts {
  readonly studio: Studio;
  readonly log: Logger;
  readonly version: string;
  readonly pictures: PictureSources;
  readonly metrics: Metrics;
  readonly access: Access;
}

/** Open to all: they tell nothing. The page and its files are what a visitor signs in with. */
const openPaths: readonly RegExp[] = [
  /^\/(healthz|readyz)$/,
  /^\/(index\.html)?$/,
  /^\/assets\//,
  /^\/favicon\.svg$/,
  /^\/v1\/images\/files\//,
];

export async function createServer(options: ServerOptions): Promise<Server> {
  const { studio, log, version } = options;
  const access = new Access(options.access ?? { required: false }, studio.users);
  const parts: ServerParts = {
    studio,
    log,
    version,
    access,
    metrics: new Metrics(studio),
    pictures: { gallery: studio.gallery, ...options.urls },
  };
  const gate = gateOf(options);
  const dialects: readonly Dialect[] = [openAiDialect, ...a1111Dialects, nativeDialect];
  const app: ServerApp = new Hono();
  app.use(async (c, next) => await watch(c, next, parts, gate, dialects));
  app.onError((error, c) => fail(error, c, dialects));
  app.notFound((c) => fail(unknownRoute(c), c, dialects));
  mountProbes(app, parts, gate);
  const { eventClients } = parts.metrics;
  mountEventSocket(app, '/api/v1/ws', {
    studio,
    onOpen: () => eventClients.inc(),
    onClose: () => eventClients.dec(),
  });
  const groups = routeGroups(parts);
  for (const { base, routes } of groups) mount(app, base, routes, options);
  mountDescription(app, groups, version);
  if (options.pageFolder !== undefined) await mountPage(app, options.pageFolder);
  return {
    app,
    close: () => {
      gate.closing = true;
    },
  };
}

function routeGroups(parts: ServerParts): RouteGroup[] {
  return [
    { base: '/api/v1', routes: nativeRoutes(parts) },
    { base: '/v1', routes: openAiRoutes({ studio: parts.studio, links: new SignedLinks() }) },
    ...a1111Groups({ ...parts, options: new OptionStore(parts.studio) }),
  ];
}

/** Around every request: its id, who asks, the checks that come before any work, the log line, the figures. */
async function watch(
  c: ServerContext,
  next: () => Promise<void>,
  parts: ServerParts,
  gate: Gate,
  dialects: readonly Dialect[],
): Promise<void> {
  const started = performance.now();
  const given = c.req.header('x-request-id');
  const id = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
  c.set('requestId', id);
  c.set('log', parts.log.child({ request: id }));
  c.set('caller', nobody);
  let foreign: string | undefined;
  await gate.turns.next();
  try {
    foreign = checkOrigin(c.req.raw, gate.origins);
    if (c.req.method === 'OPTIONS' && foreign !== undefined) c.res = new Response(null, { status: 204 });
    else {
      await admit(c, parts, gate);
      await next();
    }
  } catch (error) {
    c.res = fail(error, c, dialects);
  }
  dress(c.res.headers, id, foreign);
  const seconds = (performance.now() - started) / 1000;
  if (c.req.path.startsWith('/sdapi/')) c.res.headers.set('x-process-time', seconds.toFixed(4));
  report(c, parts, seconds);
}

const nobody: Caller = { name: 'nobody', role: 'viewer' };

interface Gate {
  readonly origins: OriginRules;
  readonly buckets: TokenBuckets | undefined;
  readonly turns: Turns;
  closing: boolean;
}

function gateOf({ origins, access, rateLimit }: ServerOptions): Gate {
  const limit = rateLimit ?? (access?.required === true ? { burst: 200, perMinute: 600 } : false);
  return {
    origins: origins ?? { allowedHosts: [], allowedOrigins: [] },
    buckets: limit === false ? undefined : new TokenBuckets(limit),
    turns: new Turns(),
    closing: false,
  };
}

/** @throws what keeps the caller out */
async function admit(c: ServerContext, { access }: ServerParts, gate: Gate): Promise<void> {
  if (openPaths.some((path) => path.test(c.req.path))) return;
  if (gate.closing) throw new AnswerError('server.closing', 'Darkroom is stopping.', { 'retry-after': '10' });
  const caller = access.required ? await access.identify(c.req.raw, addressOf(c)) : localCaller;
  c.set('caller', caller);
  const wait = Math.ceil(gate.buckets?.take(caller.name) ?? 0);
  if (wait > 0) {
    throw new AnswerError('rate.limited', `Too many requests; wait ${wait} s.`, { 'retry-after': String(wait) });
  }
}

/** Of the peer; requests that come over no socket (tests) share one. */
function addressOf(c: ServerContext): string {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return env?.incoming?.socket?.remoteAddress ?? 'none';
}

function dress(headers: Headers, id: string, foreign: string | undefined): void {
  headers.set('x-request-id', id);
  headers.set('x-content-type-options', 'nosniff');
  headers.set('referrer-policy', 'no-referrer');
  headers.set('cross-origin-resource-policy', foreign === undefined ? 'same-origin' : 'cross-origin');
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  if (foreign === undefined) return;
  headers.set('access-control-allow-origin', foreign);
  headers.set('access-control-allow-credentials', 'true');
  headers.set('access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE');
  headers.set('access-control-allow-headers', 'authorization, content-type, last-event-id, x-request-id');
  headers.set('access-control-expose-headers', 'x-request-id, retry-after');
  headers.append('vary', 'Origin');
}

/** Paths asked for by machines all day are worth no line. */
const quietPaths: readonly string[] = ['/metrics', '/healthz', '/readyz', '/sdapi/v1/progress', '/internal/progress'];

function report(c: ServerContext, { metrics }: ServerParts, seconds: number): void {
  const { method, path } = c.req;
  const { status } = c.res;
  const route = status === 404 && routePath(c).includes('*') ? 'unknown' : routePath(c);
  metrics.request(method, route, status, seconds);
  // 501 names a part that is not there yet: nothing has failed.
  const level = status >= 500 && status !== 501 ? 'error' : quietPaths.includes(path) ? 'debug' : 'info';
  c.get('log')[level]({ method, path, status, ms: Math.round(seconds * 1000), user: c.get('caller').name }, 'request');
}

/** The most specific pattern that took the request: one row of figures for each route, not for each path. */
function routePath(c: ServerContext): string {
  return c.req.matchedRoutes.map(({ path }) => path).findLast((path) => !path.endsWith('*')) ?? '*';
}

function fail(error: unknown, c: ServerContext, dialects: readonly Dialect[]): Response {
  const failure = failureOf(error);
  if (failure.status >= 500 && failure.code !== 'feature.missing') {
    const stack = error instanceof Error ? error.stack : undefined;
    c.get('log').error({ code: failure.code, error: String(error), stack }, 'request failed');
  }
  return failureResponse(failure, dialects, c.req.path, c.get('requestId'));
}

function unknownRoute(c: ServerContext): UserError {
  return new UserError('route.unknown', `There is no ${c.req.method} ${c.req.path} here; /api lists what there is.`);
}

function mountProbes(app: ServerApp, { studio, metrics, version }: ServerParts, gate: Gate): void {
  app.get('/healthz', (c) => c.json({ status: 'ok', version }));
  app.get('/readyz', async (c) => {
    if (gate.closing) return c.json({ status: 'closing' }, 503);
    // Reads from the database: ready means that work can be taken.
    const { paused, reason } = await studio.queue.state();
    return c.json({ status: 'ready', paused, ...(reason === undefined ? {} : { reason }) });
  });
  app.get('/metrics', async () => {
    const { registry } = metrics;
    return new Response(await registry.metrics(), { headers: { 'content-type': registry.contentType } });
  });
}

function mountDescription(app: ServerApp, groups: readonly RouteGroup[], version: string): void {
  const facts = { title: 'Darkroom API', version };
  let document: string | undefined;
  let page: string | undefined;
  app.get('/api/openapi.json', () => {
    document ??= JSON.stringify(openApiDocument(groups, facts));
    return new Response(document, { headers: { 'content-type': 'application/json' } });
  });
  app.get('/api', () => {
    page ??= apiPage(groups, facts);
    return new Response(page, {
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy },
    });
  });
}
