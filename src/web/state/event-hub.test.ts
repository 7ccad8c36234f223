import { describe, expect, it } from 'vitest';
import { createHub, type ToTab } from './event-hub.ts';
import type { EventListener } from './socket.ts';

const path = '/api/v1/ws?kind=picture';

function setUp() {
  const sockets: { readonly after: number; readonly listener: EventListener; closed: boolean }[] = [];
  let time = 0;
  const hub = createHub({
    open(_path, after, listener) {
      const socket = { after, listener, closed: false };
      sockets.push(socket);
      return () => {
        socket.closed = true;
      };
    },
    now: () => time,
  });
  const newTab = () => {
    const told: ToTab[] = [];
    return { told, tab: (message: ToTab) => void told.push(message) };
  };
  const happen = (id: number, type = 'queue') => {
    const event = { id, type, data: {} };
    sockets.at(-1)!.listener.event(event, JSON.stringify(event));
  };
  const pass = (ms: number) => {
    time += ms;
  };
  return { hub, sockets, newTab, happen, pass };
}

const idsIn = (told: readonly ToTab[]) =>
  told.flatMap((message) =>
    typeof message === 'object' && 'event' in message ? (JSON.parse(message.event) as { id: number }).id : [],
  );

describe('tabs of one browser', () => {
  it('share a socket, which goes with the last of them and comes again', () => {
    const { hub, sockets, newTab, happen } = setUp();
    const [a, b] = [newTab(), newTab()];
    hub.follows(a.tab, { path, after: 4 });
    hub.follows(b.tab, { path, after: 4 });
    happen(5);
    expect([idsIn(a.told), idsIn(b.told)]).toEqual([[5], [5]]);
    hub.leaves(a.tab);
    happen(6);
    expect([idsIn(a.told), idsIn(b.told)]).toEqual([[5], [5, 6]]);
    expect(sockets.map(({ closed }) => closed)).toEqual([false]);
    hub.leaves(b.tab);
    hub.follows(a.tab, { path, after: 5 });
    expect(sockets).toMatchObject([
      { after: 4, closed: true },
      { after: 5, closed: false },
    ]);
  });

  it('get what happened before they came, once, or hear that it is gone', () => {
    const { hub, newTab, happen } = setUp();
    const [first, late, stale] = [newTab(), newTab(), newTab()];
    hub.follows(first.tab, { path, after: 10 });
    for (let id = 11; id <= 13; id++) happen(id);
    hub.follows(late.tab, { path, after: 11 });
    hub.follows(late.tab, { path, after: 13 });
    expect(idsIn(late.told)).toEqual([12, 13]);
    hub.follows(stale.tab, { path, after: 9 });
    expect(stale.told[0]).toBe('reopened');
    happen(500, 'reset');
    const fresh = newTab();
    hub.follows(fresh.tab, { path, after: 500 });
    expect(fresh.told).toEqual([{ live: true }]);
  });

  it('hear of a lost connection, also when they come while it is lost', () => {
    const { hub, sockets, newTab } = setUp();
    const [a, b] = [newTab(), newTab()];
    hub.follows(a.tab, { path, after: 0 });
    sockets[0]!.listener.live(false);
    hub.follows(b.tab, { path, after: 0 });
    sockets[0]!.listener.live(true);
    sockets[0]!.listener.reopened();
    expect(a.told.slice(1)).toEqual([{ live: false }, { live: true }, 'reopened']);
    expect(b.told).toEqual([{ live: false }, { live: true }, 'reopened']);
  });

  it('are forgotten when they say nothing for long, and taken up where they were', () => {
    const { hub, sockets, newTab, happen, pass } = setUp();
    const [awake, asleep] = [newTab(), newTab()];
    hub.follows(awake.tab, { path, after: 0 });
    hub.follows(asleep.tab, { path, after: 0 });
    pass(200_000);
    hub.follows(awake.tab, { path, after: 0 });
    happen(1);
    happen(2);
    expect([idsIn(awake.told), idsIn(asleep.told)]).toEqual([[1, 2], []]);
    hub.follows(asleep.tab, { path, after: 0 });
    expect(idsIn(asleep.told)).toEqual([1, 2]);
    expect(sockets).toHaveLength(1);
  });
});
