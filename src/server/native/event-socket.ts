/**
 * Studio events over a WebSocket (RFC 6455): the same events as the stream of server-sent ones, one JSON text a message.
 *
 * A client that reads too slowly is let go rather than buffered for without bound, one that answers no ping is gone; both
 * come back and resume with `after`. What clients send is ignored, and who sends much is hung up on.
 */

import { upgradeWebSocket } from '@hono/node-server';
import type { WSContext } from 'hono/ws';
import type { WebSocket } from 'ws';
import { check, coerceFields } from '#api/check';
import { eventQuerySchema } from '#api/operations/system';
import type { Studio } from '#studio/studio';
import type { Caller, ServerContext } from '../http/call.ts';
import { requireRole } from '../http/call.ts';
import type { ServerApp } from '../http/mount.ts';
import { TokenBuckets } from '../safety/token-buckets.ts';
import { type EventQuery, eventData, followEvents, writtenOnce } from './event-feed.ts';

const pingMs = 15_000;
const maxBufferedBytes = 4 * 2 ** 20;
/** RFC 6455 7.4.1: try again later. */
const tooSlow = 1013;
/** RFC 6455 7.4.1: against the rules of the server. */
const againstRules = 1008;
/** Messages, pings and pongs of a client, which needs a pong now and then. */
const heard = { burst: 100, perMinute: 120 };
/** Milliseconds for a client to read why it is hung up on. */
const lastWordMs = 1000;

export interface EventSocketParts {
  readonly studio: Pick<Studio, 'events'>;
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

/** Takes upgrades at `path`; what is no upgrade goes on to the next route there. */
export function mountEventSocket(app: ServerApp, path: string, parts: EventSocketParts): void {
  const upgrade = upgradeWebSocket((c) => {
    const caller = (c as ServerContext).get('caller');
    const signal = (c as ServerContext).get('signal');
    requireRole(caller, 'viewer');
    const query = check(eventQuerySchema, coerceFields(eventQuerySchema, Object.entries(c.req.queries())), 'query');
    let end = () => {};
    return {
      onOpen: (_event, socket) => {
        const { raw } = socket as WSContext<WebSocket>;
        end = follow(parts, caller, query, raw!);
        signal.addEventListener('abort', () => raw!.close(againstRules, 'signed out'));
      },
      onClose: () => end(),
    };
  });
  app.get(path, async (c, next) =>
    isUpgrade(c.env as Connection | undefined) ? await upgrade(c, next) : await next(),
  );
}

interface Connection {
  readonly incoming?: unknown;
  readonly outgoing?: unknown;
}

/** Node gives those no answer to write. A header alone makes none: a plain request may have it too. */
function isUpgrade(connection: Connection = {}): boolean {
  return connection.incoming !== undefined && connection.outgoing === undefined;
}

function follow(parts: EventSocketParts, caller: Caller, query: EventQuery, socket: WebSocket): () => void {
  let answered = true;
  const pings = setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, pingMs);
  pings.unref();
  socket.on('pong', () => {
    answered = true;
  });
  const said = new TokenBuckets(heard);
  const hear = () => {
    if (said.take('') > 0) hangUp(socket);
  };
  for (const kind of ['message', 'ping', 'pong']) socket.on(kind, hear);
  const off = followEvents(parts.studio, caller, query, (event) => {
    if (socket.readyState !== socket.OPEN) return 0;
    const message = messageOf(event);
    socket.send(message, { binary: false });
    if (socket.bufferedAmount > maxBufferedBytes) socket.close(tooSlow, 'too slow');
    return message.length;
  });
  parts.onOpen();
  return () => {
    clearInterval(pings);
    off();
    parts.onClose();
  };
}

/** Hears nothing more of it. */
function hangUp(socket: WebSocket): void {
  if (socket.readyState !== socket.OPEN) return;
  socket.close(againstRules, 'too many messages');
  socket.pause();
  setTimeout(() => socket.terminate(), lastWordMs).unref();
}

/** Bytes, and the same ones for all who listen: events may be long, and readers many and slow. */
const messageOf = writtenOnce((event) =>
  JSON.stringify({ id: event.id, type: event.type, at: event.at, data: eventData(event) }),
);
