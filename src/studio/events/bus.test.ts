import { expect, it } from 'vitest';
import { type BusEvent, EventBus, type ResetEvents } from './bus.ts';

type Events = ResetEvents & { note: { readonly text: string; readonly more?: unknown } };

function seen(bus: EventBus<Events>, after: number): BusEvent<Events>[] {
  const events: BusEvent<Events>[] = [];
  bus.subscribe((event) => events.push(event), after)();
  return events;
}

it('keeps the latest events for those who come back, and sends others to fetch the state anew', () => {
  const bus = new EventBus<Events>({ keep: 10 });
  for (let i = 1; i <= 100; i++) bus.emit('note', { text: `${i}` });
  expect(seen(bus, 95).map(({ id }) => id)).toEqual([96, 97, 98, 99, 100]);
  expect(seen(bus, 50)).toMatchObject([{ id: 100, type: 'reset' }]);
  expect(seen(bus, 100)).toEqual([]);
  expect(seen(bus, 101)).toMatchObject([{ type: 'reset' }]);
});

it('keeps no more text than is stated, wherever in an event it stands, and the latest whatever its length', () => {
  const bus = new EventBus<Events>({ keepText: 1500 });
  const long = 'a'.repeat(200);
  for (let i = 1; i <= 20; i++) bus.emit('note', { text: '', more: { prompts: [long] } });
  const kept = seen(bus, 17);
  expect(kept.map(({ id }) => id)).toEqual([18, 19, 20]);
  expect(seen(bus, 10)).toMatchObject([{ type: 'reset' }]);
  bus.emit('note', { text: 'a'.repeat(5000) });
  expect(seen(bus, 20).map(({ id }) => id)).toEqual([21]);
  expect(seen(bus, 19)).toMatchObject([{ type: 'reset' }]);
  // What passes is not kept, and nobody who comes back is told of it.
  bus.emit('note', { text: 'b' }, { keep: false });
  expect(seen(bus, 21)).toEqual([]);
});
