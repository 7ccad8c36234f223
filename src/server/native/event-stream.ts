/**
 * Studio events as server-sent events (WHATWG HTML 9.2). Each has its id, so that a browser which lost the connection
 * says where it was (Last-Event-ID) and gets what it missed.
 *
 * A client that reads too slowly is let go rather than buffered for without bound: it comes back and resumes.
 */

import type { HttpBindings } from '@hono/node-server';
import type { Studio } from '#studio/studio';
import type { Call } from '../http/call.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type EventQuery, eventData, followEvents, writtenOnce } from './event-feed.ts';

const heartbeatMs = 15_000;
const maxBufferedBytes = 4 * 2 ** 20;
const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  // Otherwise nginx holds events back.
  'x-accel-buffering': 'no',
  // Node's adapter waits for no second piece then.
  'transfer-encoding': 'chunked',
};
const hello = Buffer.from('retry: 1000\n\n');
const heartbeat = Buffer.from(':\n\n');

interface EventParts {
  readonly studio: Pick<Studio, 'events'>;
  readonly metrics: Pick<Metrics, 'eventClients'>;
}

/** The stream that a request asks for; Last-Event-ID goes before `after`. */
export function eventResponse({ studio, metrics }: EventParts, call: Call, query: EventQuery): Response {
  const header = call.request.headers.get('last-event-id');
  const after = header !== null && /^\d{1,15}$/.test(header) ? Number(header) : query.after;
  let end = () => {};
  const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    let isOver = false;
    let off = () => {};
    end = () => {
      if (isOver) return;
      isOver = true;
      off();
      clearInterval(beat);
      call.signal.removeEventListener('abort', leave);
      metrics.eventClients.dec();
    };
    const leave = () => {
      end();
      controller.close();
    };
    const send = (bytes: Uint8Array): number => {
      // Kept events are sent before there is an end to following them.
      if (isOver) return 0;
      controller.enqueue(bytes);
      if (controller.desiredSize! < 0) {
        leave();
        // What its system has not taken by now would wait here for as long as it likes.
        (call.context.env as Partial<HttpBindings> | undefined)?.outgoing?.destroy();
      }
      return bytes.length;
    };
    const beat = setInterval(() => send(heartbeat), heartbeatMs).unref();
    metrics.eventClients.inc();
    send(hello);
    off = followEvents(studio, call.caller, { ...query, after }, (event) => send(messageOf(event)));
    if (call.signal.aborted) leave();
    else call.signal.addEventListener('abort', leave);
    if (isOver) off();
  };
  const buffered = new ByteLengthQueuingStrategy({ highWaterMark: maxBufferedBytes });
  return call.context.body(new ReadableStream({ start, cancel: () => end() }, buffered), 200, headers);
}

/** JSON has no line breaks of its own. */
const messageOf = writtenOnce((event) => {
  const data = JSON.stringify({ at: event.at, data: eventData(event) });
  return `event: ${event.type}\ndata: ${data}\nid: ${event.id}\n\n`;
});
