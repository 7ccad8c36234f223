/**
 * The whole server in a process of its own, to be put under load: a studio, the APIs and a socket. Told by its parent
 * (see server-child.ts), it says its figures after a garbage collection, so that they are about what is kept.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pino } from 'pino';
import type { Role } from '#api/rights';
import { listen } from '#server/listen';
import { createServer } from '#server/server';
import { createStudio } from '#studio/studio';
import { type Hold, LoopWatch } from './loop-watch.ts';
import { adminToken } from './server-child.ts';
import { shiftClock } from './shifted-clock.ts';

export interface ServerOrders {
  /** Folder of data and outputs. */
  readonly root: string;
  readonly engineModule: string;
  readonly engineOptions: Readonly<Record<string, unknown>>;
  readonly modelRoots: readonly string[];
  /** Checkpoint of requests that name none; the engine's own when left out. */
  readonly defaultModel?: string;
  /** Accounts, each with the role user; with any, everybody has to sign in. */
  readonly users: readonly string[];
  /** Requests of one account or address are counted, as in a server that people start. Default no. */
  readonly rateLimit?: boolean;
  /** A file that says by how many milliseconds the clock is off. */
  readonly clockFile?: string;
  /** Of accounts that are no users. */
  readonly roles?: Readonly<Record<string, Role>>;
}

export interface ServerFigures {
  /** Bytes. */
  readonly rss: number;
  /** Bytes in use after a garbage collection: the heap, and what buffers hold outside of it. */
  readonly heap: number;
  readonly external: number;
  /** Milliseconds by which the event loop was late since the figures were last asked for. */
  readonly loop: { readonly median: number; readonly p99: number; readonly worst: number };
  /** The longest that it was held by the server itself, other processes' turns taken off. */
  readonly held: Hold;
  readonly eventClients: number;
  /** Open files and sockets; 0 where the system does not tell. */
  readonly descriptors: number;
}

export type FromServer =
  | { readonly type: 'ready'; readonly url: string; readonly tokens: Readonly<Record<string, string>> }
  | { readonly type: 'figures'; readonly figures: ServerFigures };
export type ToServer = 'figures' | 'reset' | 'stop';

// As in the package, whose stacks are of the files that run: a map that is looked up for each error of a flood holds more
// than the flood.
process.setSourceMapsEnabled(false);
const orders = JSON.parse(process.argv[2]!) as ServerOrders;
if (orders.clockFile !== undefined) shiftClock(orders.clockFile);
const studio = await createStudio({
  dataDir: join(orders.root, 'data'),
  outputsDir: join(orders.root, 'outputs'),
  engineModule: orders.engineModule,
  modelRoots: [...orders.modelRoots],
  hashInBackground: false,
  devices: [{ name: 'cpu', options: orders.engineOptions }],
});
if (orders.defaultModel !== undefined) studio.settings.update({ defaultModel: orders.defaultModel });
const tokens: Record<string, string> = {};
for (const name of orders.users) {
  if (!studio.users.get(name)) await studio.users.create(name, orders.roles?.[name] ?? 'user');
  tokens[name] = studio.users.issueToken(name, 'faults');
}
const required = orders.users.length > 0;
const server = await createServer({
  studio,
  log: pino({ level: 'error' }, pino.destination({ dest: 2, sync: true })),
  version: 'faults',
  access: required ? { required, token: adminToken } : { required },
  ...(orders.rateLimit === true ? {} : { rateLimit: false as const }),
});
await studio.warm();
const listener = await listen(server.app, { port: 0 });
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
const watch = new LoopWatch();
process.on('message', (message: ToServer) => void obey(message));
process.on('disconnect', () => process.exit(0));
say({ type: 'ready', url: listener.url, tokens });

async function obey(message: ToServer): Promise<void> {
  if (message === 'reset') {
    loop.reset();
    watch.takeWorst();
  }
  if (message === 'figures') say({ type: 'figures', figures: figures() });
  if (message !== 'stop') return;
  server.close();
  await listener.close();
  await studio.close();
  process.exit(0);
}

function figures(): ServerFigures {
  // The histogram counts from one timer to the next: the millisecond between them is no delay.
  const late = (ns: number) => Math.max(0, ns / 1e6 - 1);
  const delays = { median: late(loop.percentile(50)), p99: late(loop.percentile(99)), worst: late(loop.max) };
  const held = watch.takeWorst();
  globalThis.gc?.();
  loop.reset();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    rss,
    heap: heapUsed,
    external,
    loop: delays,
    held,
    eventClients: studio.events.listenerCount,
    descriptors: openDescriptors(),
  };
}

function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

function say(message: FromServer): void {
  process.send?.(message);
}
