/**
 * The HTTP server as a Hono app: native API, OpenAI's and A1111's, the page, and what watches over all of them. It
 * opens no socket (see listen.ts) and holds no state that the studio should hold.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import { DarkroomError, UserError } from '#core/errors';
import { nextTurn } from '#studio/events/next-turn';
import type { Studio } from '#studio/studio';
import { a1111Document, a1111Part } from './a1111/description.ts';
import { a1111Dialects } from './a1111/dialect.ts';
import { a1111Groups } from './a1111/groups.ts';
import { OptionStore } from './a1111/options.ts';
import type { Caller, ServerContext } from './http/call.ts';
import { AnswerError, type Dialect, failureOf, failureResponse, nativeDialect } from './http/errors.ts';
import { type MountOptions, mount, type ServerApp } from './http/mount.ts';
import { isPageView, mountPage, pagePolicy } from './http/static.ts';
import { mountEventSocket } from './native/event-socket.ts';
import { nativeRoutes } from './native/routes.ts';
import { Metrics } from './observe/metrics.ts';
import { openAiDialect } from './openai/dialect.ts';
import { openAiRoutes } from './openai/routes.ts';
import { SignedLinks } from './openai/signed-links.ts';
import { openApiDocument, type RouteGroup } from './openapi/document.ts';
import { apiPage } from './openapi/page.ts';
import type { PictureSources } from './pictures.ts';
import { Access, type AccessRules } from './safety/access.ts';
import { checkHost, checkOrigin, type OriginRules } from './safety/origin.ts';
import { SignIns } from './safety/sign-ins.ts';
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
  readonly signIns: SignIns;
}

/** Open to all: they tell nothing. The page and its files are what a visitor signs in with. */
const openPaths: readonly RegExp[] = [
  /^\/(healthz|readyz)$/,
  /^\/index\.html$/,
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
    signIns: new SignIns(),
    metrics: new Metrics(studio),
    pictures: { gallery: studio.gallery, bodies: studio.bodies, ...options.urls },
  };
  const gate = gateOf(options);
  if (access.required) parts.signIns.watch(studio);
  const dialects: readonly Dialect[] = [openAiDialect, ...a1111Dialects, nativeDialect];
  // Addresses with a slash at their end are those without it, as clients of FastAPI expect.
  const app: ServerApp = new Hono({ strict: false });
  app.onError((error, c) => fail(error, c, dialects, studio.library));
  app.notFound((c) => fail(unknownRoute(c), c, dialects));
  surround(app, parts, gate, dialects);
  mountProbes(app, parts, gate);
  const { eventClients } = parts.metrics;
  mountEventSocket(app, '/api/v1/ws', {
    studio,
    onOpen: () => eventClients.inc(),
    onClose: () => eventClients.dec(),
  });
  const groups = routeGroups(parts);
  const mounted = { ...options, bodies: studio.bodies, untilFree: async () => await studio.untilFree() };
  for (const { base, routes } of groups) mount(app, base, routes, mounted);
  mountDescription(app, groups, version);
  if (options.pageFolder !== undefined) await mountPage(app, options.pageFolder);
  return {
    app,
    close: () => {
      gate.closing = true;
      parts.signIns.close();
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

/** What is done around every request, from the outside in: figures and the log line, headers, then what keeps out. */
function surround(app: ServerApp, parts: ServerParts, gate: Gate, dialects: readonly Dialect[]): void {
  app.use(requestId({ limitLength: 64 }));
  app.use(async (c, next) => await observe(c, next, parts));
  // Isolation by origin is for secure contexts only; browsers complain about it elsewhere.
  app.use(
    secureHeaders({
      strictTransportSecurity: false,
      crossOriginOpenerPolicy: false,
      originAgentCluster: false,
      overwrite: false,
    }),
  );
  app.use(async (c, next) => {
    // Each does a few milliseconds of work before it first waits for anything.
    await nextTurn();
    const foreign = checkOrigin(c.req.raw, gate.origins);
    checkHost(c.req.raw, gate.origins, signsIn(c, parts.access));
    if (foreign === undefined) return await next();
    return await forForeignPage(c as ServerContext, next);
  });
  app.use(async (c, next) => {
    await admit(c as ServerContext, parts, gate);
    await next();
  });
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => fail(wrongMethod(c as ServerContext, methods), c as ServerContext, dialects),
    }),
  );
}

/** Log line and figures of a request that has been answered. */
async function observe(c: ServerContext, next: () => Promise<void>, parts: ServerParts): Promise<void> {
  const started = performance.now();
  c.set('log', parts.log.child({ request: c.get('requestId') }));
  c.set('caller', nobody);
  c.set('address', addressOf(c));
  c.set('signal', c.req.raw.signal);
  await next();
  const { headers } = c.res;
  // Answers that were made whole elsewhere do not have it yet.
  headers.set('x-request-id', c.get('requestId'));
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  const seconds = (performance.now() - started) / 1000;
  if (c.req.path.startsWith('/sdapi/')) headers.set('x-process-time', seconds.toFixed(4));
  report(c, parts, seconds);
}

const allowForeign = cors({
  origin: (origin) => origin,
  credentials: true,
  allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowHeaders: ['authorization', 'content-type', 'last-event-id', 'x-request-id'],
  exposeHeaders: ['x-request-id', 'retry-after', 'x-darkroom-image', 'x-darkroom-warnings'],
});

/** Of an origin that has been let in. */
async function forForeignPage(c: ServerContext, next: () => Promise<void>): Promise<Response | undefined> {
  const answer = (await allowForeign(c, next)) as Response | undefined;
  (answer ?? c.res).headers.set('cross-origin-resource-policy', 'cross-origin');
  return answer;
}

const nobody: Caller = { name: 'nobody', role: 'viewer' };

interface Gate {
  readonly origins: OriginRules;
  readonly buckets: TokenBuckets | undefined;
  closing: boolean;
}

function gateOf({ origins, access, rateLimit }: ServerOptions): Gate {
  const limit = rateLimit ?? (access?.required === true ? { burst: 200, perMinute: 600 } : false);
  return {
    origins: origins ?? { allowedHosts: [], allowedOrigins: [] },
    buckets: limit === false ? undefined : new TokenBuckets(limit),
    closing: false,
  };
}

const isOpen = (path: string): boolean => isPageView(path) || openPaths.some((each) => each.test(path));

/** Whether the request says by itself who asks, and that will be checked. */
function signsIn(c: ServerContext, access: Access): boolean {
  return access.required && c.req.header('authorization') !== undefined && !isOpen(c.req.path);
}

/** @throws what keeps the caller out */
async function admit(c: ServerContext, { access, signIns }: ServerParts, gate: Gate): Promise<void> {
  if (isOpen(c.req.path)) return;
  if (gate.closing) throw new AnswerError('server.closing', 'Darkroom is stopping.', { 'retry-after': '10' });
  const identity = await access.identify(c.req.raw, c.get('address'));
  c.set('caller', identity.caller);
  if (access.required) c.set('signal', untilSignedOut(c, signIns.open(identity)));
  const wait = Math.ceil(gate.buckets?.take(identity.caller.name) ?? 0);
  if (wait > 0) {
    throw new AnswerError('rate.limited', `Too many requests; wait ${wait} s.`, { 'retry-after': String(wait) });
  }
}

function untilSignedOut(c: ServerContext, { signal, close }: ReturnType<SignIns['open']>): AbortSignal {
  const { incoming, outgoing } = connectionOf(c);
  // A request that becomes a WebSocket has no answer of its own.
  const end = outgoing ?? incoming?.socket;
  if (end) end.once('close', close);
  else c.req.raw.signal.addEventListener('abort', close);
  return AbortSignal.any([c.req.raw.signal, signal]);
}

interface Connection {
  readonly incoming?: { readonly socket?: Socket };
  readonly outgoing?: ServerResponse;
}

/** Empty for requests that come over no socket (tests). */
function connectionOf(c: ServerContext): Connection {
  return c.env ?? {};
}

/** Of the peer; requests that come over no socket share one. */
function addressOf(c: ServerContext): string {
  return connectionOf(c).incoming?.socket?.remoteAddress ?? 'none';
}

/** Paths asked for by machines all day are worth no line. */
const quietPaths: readonly string[] = ['/metrics', '/healthz', '/readyz', '/sdapi/v1/progress', '/internal/progress'];

function report(c: ServerContext, { metrics }: ServerParts, seconds: number): void {
  const { method, path } = c.req;
  const { status } = c.res;
  const route = status === 404 && routePath(c).includes('*') ? 'unknown' : routePath(c);
  metrics.request(method, route, status, seconds);
  const level = isFailure(status) ? 'error' : quietPaths.includes(path) ? 'debug' : 'info';
  c.get('log')[level]({ method, path, status, ms: Math.round(seconds * 1000), user: c.get('caller').name }, 'request');
}

/** 501 names a part that is not there yet, 503 a time when nothing is taken: nothing has failed then. */
const isFailure = (status: number): boolean => status >= 500 && status !== 501 && status !== 503;

/** The most specific pattern that took the request: one row of figures for each route, not for each path. */
function routePath(c: ServerContext): string {
  return c.req.matchedRoutes.map(({ path }) => path).findLast((path) => !path.endsWith('*')) ?? '*';
}

function fail(
  error: unknown,
  c: ServerContext,
  dialects: readonly Dialect[],
  library?: Pick<Studio['library'], 'shown'>,
): Response {
  const found = failureOf(reasonOf(error, c.get('signal')));
  const failure = library ? { ...found, message: library.shown(found.message) } : found;
  if (isFailure(failure.status)) {
    const stack = error instanceof Error ? error.stack : undefined;
    c.get('log').error({ code: failure.code, error: String(error), stack }, 'request failed');
  }
  return failureResponse(failure, dialects, c.req.path, c.get('requestId'));
}

/** A client that left is no failure, however its request ended. */
function reasonOf(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof DarkroomError || !signal.aborted) return error;
  return signal.reason instanceof UserError ? signal.reason : new UserError('client.gone', 'The client has left.');
}

function unknownRoute(c: ServerContext): UserError {
  return new UserError('route.unknown', `There is no ${c.req.method} ${c.req.path} here; /api lists what there is.`);
}

function wrongMethod(c: ServerContext, methods: readonly string[]): UserError {
  const allow = methods.toSorted().join(', ');
  return new AnswerError('route.method', `${c.req.path} takes ${allow}, not ${c.req.method}.`, { allow });
}

function mountProbes(app: ServerApp, { studio, metrics, version }: ServerParts, gate: Gate): void {
  app.get('/healthz', (c) => c.json({ status: 'ok', version }));
  app.get('/readyz', async (c) => {
    if (gate.closing) return c.json({ status: 'closing' }, 503);
    if (studio.trouble() !== undefined) return c.json({ status: 'not ready' }, 503);
    // Reads from the database: ready means that work can be taken. Why it is paused may name folders: /api/v1/queue.
    const { paused } = await studio.queue.state();
    return c.json({ status: 'ready', paused });
  });
  app.get('/metrics', async () => {
    const { registry } = metrics;
    return new Response(await registry.metrics(), { headers: { 'content-type': registry.contentType } });
  });
}

function mountDescription(app: ServerApp, groups: readonly RouteGroup[], version: string): void {
  const facts = { title: 'Darkroom API', version };
  const json = (document: string) => new Response(document, { headers: { 'content-type': 'application/json' } });
  const own = made(async () => JSON.stringify(await openApiDocument(groups, facts)));
  const a1111 = made(async () => JSON.stringify(await a1111Document(groups, facts)));
  let page: string | undefined;
  app.get('/api/openapi.json', async () => json(await own()));
  app.get('/api', () => {
    page ??= apiPage(groups, facts);
    return pageResponse(page);
  });
  app.get('/openapi.json', async () => json(await a1111()));
  app.get('/docs', () => pageResponse(apiPage(a1111Part(groups), facts)));
}

/** Made once, when it is first asked for. */
function made<T>(make: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    known ??= make();
    return known;
  };
}

function pageResponse(page: string): Response {
  return new Response(page, {
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy },
  });
}
