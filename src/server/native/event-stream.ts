/**
 * Studio events as server-sent events (WHATWG HTML 9.2). Each has its id, so that a browser which lost the connection
 * says where it was (Last-Event-ID) and gets what it missed.
 *
 * A client that reads too slowly is let go rather than buffered for without bound: it comes back and resumes.
 */

import { streamSSE } from 'hono/streaming';
import type { Studio } from '#studio/studio';
import type { Call } from '../http/call.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type EventQuery, eventData, followEvents, writtenOnce } from './event-feed.ts';

const heartbeatMs = 15_000;
const maxBufferedLength = 4 * 2 ** 20;

interface EventParts {
  readonly studio: Pick<Studio, 'events'>;
  readonly metrics: Pick<Metrics, 'eventClients'>;
}

/** The stream that a request asks for; Last-Event-ID goes before `after`. */
export function eventResponse({ studio, metrics }: EventParts, call: Call, query: EventQuery): Response {
  const header = call.request.headers.get('last-event-id');
  const after = header !== null && /^\d{1,15}$/.test(header) ? Number(header) : query.after;
  // Otherwise nginx holds events back.
  call.context.header('x-accel-buffering', 'no');
  return streamSSE(call.context, async (stream) => {
    metrics.eventClients.inc();
    let waiting = 0;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const leave = () => stream.abort();
    const send = (length: number, write: () => Promise<unknown>): void => {
      waiting += length;
      if (waiting > maxBufferedLength) leave();
      else
        write().then(() => {
          waiting -= length;
        }, leave);
    };
    stream.onAbort(end);
    call.signal.addEventListener('abort', leave);
    const heartbeat = setInterval(() => send(3, async () => await stream.write(':\n\n')), heartbeatMs).unref();
    send(0, async () => await stream.write('retry: 1000\n\n'));
    const off = followEvents(studio, call.caller, { ...query, after }, (event) => {
      const message = messageOf(event);
      send(message.length, async () => await stream.write(message));
      return message.length;
    });
    if (call.signal.aborted) leave();
    await ended;
    off();
    clearInterval(heartbeat);
    call.signal.removeEventListener('abort', leave);
    metrics.eventClients.dec();
  });
}

/** JSON has no line breaks of its own. */
const messageOf = writtenOnce((event) => {
  const data = JSON.stringify({ at: event.at, data: eventData(event) });
  return `event: ${event.type}\ndata: ${data}\nid: ${event.id}\n\n`;
});
