/**
 * One socket for all tabs of a browser: the hub lives in a shared worker (`event-worker.ts`), holds the socket as long as
 * a tab listens, and keeps the latest events for a tab that comes later than they did.
 */

import type { EventListener, openSocket } from './socket.ts';

/** From a tab, again and again: it is there, and has all events up to `after`. */
export interface Following {
  readonly path: string;
  readonly after: number;
}

export type FromTab = Following | 'leaves';

/** What a tab is told, beside the texts of events. */
export type ToTab = { readonly event: string } | { readonly live: boolean } | 'reopened';

export type Tab = (message: ToTab) => void;

/** Tabs in the background ask once a minute at least, unless the browser has put them to sleep. */
const silentMs = 180_000;
const kept = 256;

interface HubOptions {
  readonly open: typeof openSocket;
  readonly now: () => number;
}

export function createHub({ open, now }: HubOptions) {
  /** When each was last heard. */
  const tabs = new Map<Tab, number>();
  let close: (() => void) | undefined;
  let live = true;
  let events: { readonly id: number; readonly text: string }[] = [];
  /** Of the newest event that is not held here. */
  let dropped = 0;

  const tell = (message: ToTab) => {
    for (const [tab, heard] of tabs) {
      if (now() - heard > silentMs) leaves(tab);
      else tab(message);
    }
  };

  const listener: EventListener = {
    event({ id, type }, text) {
      if (type === 'reset') {
        events = [];
        dropped = id ?? 0;
      } else if (id !== undefined) {
        events.push({ id, text });
        if (events.length > kept) dropped = events.shift()!.id;
      }
      tell({ event: text });
    },
    live(now) {
      live = now;
      tell({ live });
    },
    reopened: () => tell('reopened'),
  };

  function follows(tab: Tab, { path, after }: Following): void {
    const isNew = !tabs.has(tab);
    tabs.set(tab, now());
    if (close === undefined) {
      dropped = after;
      live = true;
      close = open(path, after, listener);
    } else if (isNew) {
      if (after < dropped) tab('reopened');
      for (const { id, text } of events) if (id > after) tab({ event: text });
    }
    tab({ live });
  }

  /** The last one closes the socket. */
  function leaves(tab: Tab): void {
    tabs.delete(tab);
    if (tabs.size > 0) return;
    close?.();
    close = undefined;
    events = [];
  }

  return { follows, leaves };
}
