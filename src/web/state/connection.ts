/**
 * The studio's events over one WebSocket (no six-connection limit, as event streams have): it heals by itself, resumes
 * after the last event that came, and says when it cannot.
 */

import type { WireEvents } from '#server/native/wire';

export type EventHandlers = { readonly [Type in keyof WireEvents]?: (data: WireEvents[Type]) => void };

export interface ConnectionOptions {
  /** Id of the event after which to begin. */
  readonly after: number;
  readonly handlers: EventHandlers;
  readonly onLive: (live: boolean) => void;
  /** After a gap: what was missed can be more than the server still holds. */
  readonly onReopened: () => void;
}

const firstRetryMs = 500;
const longestRetryMs = 8000;

/** @returns what ends it */
export function connect(path: string, options: ConnectionOptions): () => void {
  let last = options.after;
  let wait = firstRetryMs;
  let ended = false;
  let opened = false;
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function open(): void {
    socket = new WebSocket(
      `${location.origin.replace(/^http/, 'ws')}${path}${path.includes('?') ? '&' : '?'}after=${last}`,
    );
    socket.onopen = () => {
      wait = firstRetryMs;
      options.onLive(true);
      if (opened) options.onReopened();
      opened = true;
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      const event = JSON.parse(data) as { id?: number; type: keyof WireEvents; data: never };
      if (event.id !== undefined) last = event.id;
      options.handlers[event.type]?.(event.data);
    };
    socket.onclose = () => {
      if (ended) return;
      options.onLive(false);
      timer = setTimeout(open, wait);
      wait = Math.min(longestRetryMs, wait * 2);
    };
  }

  /** A laptop that woke up should not wait for its turn. */
  const now = () => {
    if (socket?.readyState !== WebSocket.CLOSED) return;
    clearTimeout(timer);
    wait = firstRetryMs;
    open();
  };
  addEventListener('online', now);
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    removeEventListener('online', now);
    socket?.close();
  };
}
