/**
 * The studio's events over one WebSocket (no six-connection limit, as event streams have): it heals by itself, resumes
 * after the last event that came, and says when it cannot.
 */

export interface SentEvent {
  readonly id?: number;
  readonly type: string;
  readonly data: unknown;
}

/** Told what comes, wherever the socket is. */
export interface EventListener {
  /** `text`: as the server sent it. */
  readonly event: (event: SentEvent, text: string) => void;
  readonly live: (live: boolean) => void;
  /** After a gap: what was missed can be more than the server still holds. */
  readonly reopened: () => void;
}

const firstRetryMs = 500;
const longestRetryMs = 8000;

/**
 * `after`: id of the event after which to begin.
 * @returns what ends it
 */
export function openSocket(path: string, after: number, listener: EventListener): () => void {
  let last = after;
  let wait = firstRetryMs;
  let ended = false;
  let opened = false;
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function open(): void {
    socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${path}&after=${last}`);
    socket.onopen = () => {
      wait = firstRetryMs;
      listener.live(true);
      if (opened) listener.reopened();
      opened = true;
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      const event = JSON.parse(data) as SentEvent;
      last = event.id ?? last;
      listener.event(event, data);
    };
    socket.onclose = () => {
      if (ended) return;
      listener.live(false);
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
