/** Opens the socket. Limits against slow and greedy clients are Node's own, set here. */

import type { Server as HttpServer, ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve, type WebSocketServerLike } from '@hono/node-server';
import { WebSocketServer } from 'ws';
import { UserError } from '#core/errors';
import type { ServerApp } from './http/mount.ts';

export interface ListenOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port: number;
  /** Default 256, and no bound on this machine itself; what comes beyond is hung up on. */
  readonly maxConnectionsOfAddress?: number;
  /** Milliseconds; tests wait less long. */
  readonly limits?: Partial<typeof limits> & { readonly connectionsCheckingInterval?: number };
}

export interface Listener {
  readonly url: string;
  /** Takes no more connections, lets open requests end for a moment, then cuts them. */
  close(): Promise<void>;
}

const limits = {
  headersTimeout: 15_000,
  /** For a whole request with its body; answers may take longer. */
  requestTimeout: 300_000,
  // Longer than proxies and clients keep a connection that they mean to use again (60 s mostly): whoever closes second
  // never closes under a request that is on its way.
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
} satisfies ServerOptions;
const maxConnections = 4096;
/** One address has no more than its share, so that the others find a place. */
const maxConnectionsOfAddress = 256;
const closeMs = 2000;
/** Clients have nothing to say on a socket. */
const maxSocketMessage = 4096;
/** RFC 6455 7.4.1: going away. */
const goingAway = 1001;

/** @throws UserError `listen.failed` when the port is taken or not allowed */
export async function listen(app: ServerApp, listening: ListenOptions): Promise<Listener> {
  const { host = '127.0.0.1', port } = listening;
  // Each message is heard in a turn of its own: a packet may hold ten thousand.
  const rules = { maxPayload: maxSocketMessage, maxFragments: 64, allowSynchronousEvents: false };
  const sockets = new WebSocketServer({ noServer: true, ...rules });
  // Its types leave noServer open, which is what is asked for.
  const websocket = { server: sockets as WebSocketServerLike };
  const server = await new Promise<HttpServer>((resolve, reject) => {
    const serverOptions = { ...limits, ...listening.limits };
    const options = { fetch: app.fetch, hostname: host, port, serverOptions, websocket };
    const opened = serve(options, () => resolve(opened as HttpServer));
    const opening = opened as HttpServer;
    opening.maxConnections = maxConnections;
    shareConnections(opening, listening.maxConnectionsOfAddress);
    opening.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
  });
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const cut = setTimeout(() => {
        server.closeAllConnections();
        for (const socket of sockets.clients) socket.terminate();
      }, closeMs);
      server.closeIdleConnections();
      for (const socket of sockets.clients) socket.close(goingAway);
      await closed;
      clearTimeout(cut);
    },
  };
}

function shareConnections(server: HttpServer, given: number | undefined): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    const isOwn = /^(::1$|(::ffff:)?127\.)/.test(address);
    const most = given ?? (isOwn ? maxConnections : maxConnectionsOfAddress);
    if (count > most) return socket.destroy();
    open.set(address, count);
    socket.once('close', () => {
      const left = open.get(address)! - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
    return undefined;
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): UserError {
  const where = `${host}:${port}`;
  const what =
    error.code === 'EADDRINUSE'
      ? `${where} is taken by another program; choose another --port.`
      : `${where} cannot be opened: ${error.message}`;
  return new UserError('listen.failed', what, { cause: error });
}
