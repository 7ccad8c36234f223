/** Studio events as one caller may see them, and as they are told outside. */

import type { z } from 'zod';
import type { eventQuerySchema } from '#api/operations/system';
import type { JobKind } from '#api/records/job-kinds';
import { type Caller, maySee } from '#api/rights';
import { toldJob, toldPicture, toldPull } from '#studio/operations/told';
import type { Studio, StudioEvent } from '#studio/studio';
import { EventOutbox } from './event-outbox.ts';

/** An event is written once for all who listen: as the least of them may see it. */
const anybody: Caller = { name: '', role: 'viewer' };

export type EventQuery = z.output<typeof eventQuerySchema>;

/**
 * Calls `take`, which says how many bytes it wrote and must not throw, with every event that the caller may see and asked for, kept ones first.
 * @returns ends it
 */
export function followEvents(
  { events }: Pick<Studio, 'events'>,
  caller: Caller,
  { after, type: types, job, kind: kinds }: EventQuery,
  take: (event: StudioEvent) => number,
): () => void {
  const outbox = outboxOf(events);
  let ended = false;
  const off = events.subscribe((event) => {
    if (!maySee(caller, event.user)) return;
    if (!ofKinds(event, kinds)) return;
    if (types && event.type !== 'reset' && !types.includes(event.type)) return;
    if (job !== undefined && jobIdOf(event) !== job) return;
    outbox.add(() => (ended ? 0 : take(event)));
  }, after);
  return () => {
    ended = true;
    off();
  };
}

const outboxes = new WeakMap<object, EventOutbox>();

/** One for all who listen to the same events. */
function outboxOf(events: object): EventOutbox {
  const outbox = outboxes.get(events) ?? new EventOutbox();
  outboxes.set(events, outbox);
  return outbox;
}

export function eventData(event: StudioEvent): unknown {
  switch (event.type) {
    case 'job.added':
    case 'job.changed':
      return toldJob(event.data, anybody);
    case 'image.added':
    case 'image.changed':
      return toldPicture(event.data);
    case 'pull.changed':
    case 'pull.progress':
      return toldPull(event.data, anybody);
    default:
      return event.data;
  }
}

/** Events as bytes, written once however many listen and however long the bytes wait for those who are slow. */
export function writtenOnce(write: (event: StudioEvent) => string): (event: StudioEvent) => Uint8Array<ArrayBuffer> {
  const written = new WeakMap<StudioEvent, Uint8Array<ArrayBuffer>>();
  return (event) => {
    const known = written.get(event) ?? Buffer.from(write(event));
    written.set(event, known);
    return known;
  };
}

/** Jobs of kinds that were not asked for are not told of. */
function ofKinds(event: StudioEvent, kinds: readonly JobKind[]): boolean {
  if (!event.type.startsWith('job.')) return true;
  const { kind = 'picture' } = event.data as { readonly kind?: JobKind };
  return kinds.includes(kind);
}

function jobIdOf(event: StudioEvent): string | undefined {
  const data = event.data as { readonly id?: string; readonly job?: string };
  return event.type.startsWith('image.') ? data.job : event.type.startsWith('job.') ? data.id : undefined;
}
