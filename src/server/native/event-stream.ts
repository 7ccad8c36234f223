/**
 * Studio events as server-sent events (WHATWG HTML 9.2). Each has its id, so that a browser which lost the connection
 * says where it was (Last-Event-ID) and gets what it missed.
 *
 * A client that reads too slowly is let go rather than buffered for without bound: it comes back and resumes.
 */

import type { Caller } from '#api/rights';
import type { Studio, StudioEvent } from '#studio/studio';
import type { Call } from '../http/call.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type EventQuery, eventData, followEvents } from './event-feed.ts';

interface EventStreamOptions {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly query: EventQuery;
  readonly onOpen?: () => void;
  readonly onClose?: () => void;
}

const heartbeatMs = 15_000;
const maxBufferedBytes = 4 * 2 ** 20;
const encoder = new TextEncoder();

/** The stream that a request asks for; Last-Event-ID goes before `after`. */
export function eventResponse(
  { studio, metrics }: { readonly studio: Pick<Studio, 'events'>; readonly metrics: Pick<Metrics, 'eventClients'> },
  { request, caller, signal }: Call,
  query: EventQuery,
): Response {
  const header = request.headers.get('last-event-id');
  const after = header !== null && /^\d{1,15}$/.test(header) ? Number(header) : query.after;
  return eventStream(studio, {
    caller,
    signal,
    query: { ...query, after },
    onOpen: () => metrics.eventClients.inc(),
    onClose: () => metrics.eventClients.dec(),
  });
}

function eventStream(studio: Pick<Studio, 'events'>, options: EventStreamOptions): Response {
  let close = () => {};
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        close = listen(studio, options, controller);
      },
      cancel: () => close(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxBufferedBytes }),
  );
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Otherwise nginx holds events back.
      'x-accel-buffering': 'no',
    },
  });
}

function listen(
  studio: Pick<Studio, 'events'>,
  { caller, signal, query, onOpen, onClose }: EventStreamOptions,
  controller: ReadableStreamDefaultController<Uint8Array>,
): () => void {
  let open = true;
  let off = () => {};
  const close = () => {
    if (!open) return;
    open = false;
    off();
    clearInterval(heartbeat);
    signal.removeEventListener('abort', close);
    onClose?.();
    try {
      controller.close();
    } catch {
      // The reader had ended it already.
    }
  };
  const send = (bytes: Uint8Array) => {
    if (!open) return;
    controller.enqueue(bytes);
    if ((controller.desiredSize ?? 0) < 0) close();
  };
  const heartbeat = setInterval(() => send(encoder.encode(':\n\n')), heartbeatMs);
  heartbeat.unref();
  onOpen?.();
  signal.addEventListener('abort', close);
  send(encoder.encode('retry: 1000\n\n'));
  off = followEvents(studio, caller, query, (event) => send(frameOf(event)));
  if (!open) off();
  return close;
}

/** Written once however many clients listen. */
const frames = new WeakMap<StudioEvent, Uint8Array>();

function frameOf(event: StudioEvent): Uint8Array {
  const known = frames.get(event);
  if (known) return known;
  const data = JSON.stringify({ at: event.at, data: eventData(event) });
  const frame = encoder.encode(`id: ${event.id}\nevent: ${event.type}\ndata: ${data}\n\n`);
  frames.set(event, frame);
  return frame;
}
