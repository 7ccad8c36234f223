/** Studio events as one caller may see them, and as they are told outside. */

import { z } from 'zod';
import type { Studio, StudioEvent } from '#studio/studio';
import { type Caller, maySee } from '../http/call.ts';
import { imageOut } from './image-schemas.ts';
import { jobOut } from './job-schemas.ts';
import { pullOut } from './library-routes.ts';

/** What readers of events can ask for, over either protocol. */
export const eventQuerySchema = z.object({
  after: z.int().min(0).optional().describe('Resume after this event, as Last-Event-ID does.'),
  type: z.array(z.string().max(50)).max(50).optional().describe('Only these types; may be repeated.'),
  job: z.string().max(64).optional().describe('Only this job’s.'),
});

export type EventQuery = z.output<typeof eventQuerySchema>;

/** Calls `take` with every event that the caller may see and asked for, kept ones first. @returns ends it */
export function followEvents(
  { events }: Pick<Studio, 'events'>,
  caller: Caller,
  { after, type: types, job }: EventQuery,
  take: (event: StudioEvent) => void,
): () => void {
  return events.subscribe((event) => {
    if (!maySee(caller, event.user)) return;
    if (types && event.type !== 'reset' && !types.includes(event.type)) return;
    if (job !== undefined && jobIdOf(event) !== job) return;
    take(event);
  }, after);
}

export function eventData(event: StudioEvent): unknown {
  switch (event.type) {
    case 'job.added':
    case 'job.changed':
      return jobOut(event.data);
    case 'image.added':
    case 'image.changed':
      return imageOut(event.data);
    case 'pull.changed':
    case 'pull.progress':
      return pullOut(event.data);
    default:
      return event.data;
  }
}

function jobIdOf(event: StudioEvent): string | undefined {
  const data = event.data as { readonly id?: string; readonly job?: string };
  return event.type.startsWith('image.') ? data.job : event.type.startsWith('job.') ? data.id : undefined;
}
