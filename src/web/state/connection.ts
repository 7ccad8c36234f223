/**
 * The studio's events in this tab: from the socket that all tabs of the browser share, where it has shared workers, else
 * from one of its own. A worker that does not answer any more is replaced.
 */

import type { WireEvents } from '#server/native/wire';
import type { FromTab, ToTab } from './event-hub.ts';
import workerAddress from './event-worker.ts?sharedworker&url';
import { type EventListener, openSocket, type SentEvent } from './socket.ts';

export type EventHandlers = { readonly [Type in keyof WireEvents]?: (data: WireEvents[Type]) => void };

export interface ConnectionOptions {
  /** Id of the event after which to begin. */
  readonly after: number;
  /** Who is signed in: another one's events come over another socket. */
  readonly user: string;
  readonly handlers: EventHandlers;
  readonly onLive: (live: boolean) => void;
  /** After a gap: what was missed can be more than the server still holds. */
  readonly onReopened: () => void;
}

const askMs = 20_000;
const patienceMs = 5000;

/** @returns what ends it */
export function connect(path: string, options: ConnectionOptions): () => void {
  let last = options.after;
  const listener: EventListener = {
    event({ id, type, data }) {
      last = id ?? last;
      options.handlers[type as keyof WireEvents]?.(data as never);
    },
    live: options.onLive,
    reopened: options.onReopened,
  };
  const after = () => last;
  const alone = () => openSocket(path, last, listener);
  let end: () => void;
  try {
    const otherwise = () => {
      end();
      end = alone();
    };
    end = share({ path, user: options.user, after, listener, otherwise });
  } catch {
    // A browser without shared workers (Chrome on Android), or one that keeps them from pages as it keeps cookies.
    end = alone();
  }
  return () => end();
}

interface Share {
  readonly path: string;
  readonly user: string;
  readonly after: () => number;
  readonly listener: EventListener;
  /** The worker's code does not come. */
  readonly otherwise: () => void;
}

/** @returns what ends it */
function share({ path, user, after, listener, otherwise }: Share): () => void {
  let port: MessagePort;
  let answered = true;
  let wait: ReturnType<typeof setTimeout> | undefined;
  const tell = (message: FromTab) => port.postMessage(message);
  const leave = () => tell('leaves');
  const ask = () => {
    tell({ path, after: after() });
    clearTimeout(wait);
    answered = false;
    wait = setTimeout(() => answered || begin(), patienceMs);
  };

  /** One that ended with the tab in whose process it ran is begun anew by its name. */
  function begin(): void {
    const worker = new SharedWorker(workerAddress, { name: user });
    worker.onerror = otherwise;
    port = worker.port;
    port.onmessage = ({ data }: MessageEvent<ToTab>) => {
      answered = true;
      if (data === 'reopened') listener.reopened();
      else if ('live' in data) listener.live(data.live);
      else listener.event(JSON.parse(data.event) as SentEvent, data.event);
    };
    ask();
  }

  begin();
  const asks = setInterval(ask, askMs);
  addEventListener('pagehide', leave);
  addEventListener('pageshow', ask);
  return () => {
    clearInterval(asks);
    clearTimeout(wait);
    removeEventListener('pagehide', leave);
    removeEventListener('pageshow', ask);
    leave();
    port.close();
  };
}
