/** `/api/v1` besides jobs and pictures: events, models, families and what can be chosen, settings, engines, accounts. */

import { z } from 'zod';
import { generateSchema, maxSide } from '#pipelines/request';
import { settingsSchema } from '#studio/settings/settings';
import type { Studio } from '#studio/studio';
import { requireRole } from '../http/call.ts';
import { AnswerError } from '../http/errors.ts';
import { type Route, route } from '../http/route.ts';
import type { Metrics } from '../observe/metrics.ts';
import { eventQuerySchema } from './event-feed.ts';
import { eventStream } from './event-stream.ts';
import { progressSchema } from './job-schemas.ts';

export interface StudioRouteParts {
  readonly studio: Studio;
  readonly metrics: Metrics;
  readonly version: string;
}

export const statusSchema = z.object({
  version: z.string(),
  user: z.object({ name: z.string(), role: z.string() }),
  lastEvent: z.number().describe('Id of the latest event.'),
  engines: z.array(z.looseObject({ device: z.string(), state: z.string(), rss: z.number() })),
  running: z.array(progressSchema),
});

export const controlsSchema = z.object({
  families: z.array(z.object({ id: z.string(), title: z.string() })),
  maxSide: z.int(),
  samplers: z.array(
    z.object({
      name: z.string(),
      aliases: z.array(z.string()),
      scheduler: z.string().describe('What Automatic stands for.'),
    }),
  ),
  schedulers: z.array(z.object({ name: z.string(), aliases: z.array(z.string()) })),
  request: z.looseObject({}).describe('JSON Schema of a request.'),
});

export function studioRoutes({ studio, metrics, version }: StudioRouteParts): Route[] {
  return [
    route({
      method: 'get',
      path: '/events',
      operation: 'events',
      tag: 'Events',
      role: 'viewer',
      summary: 'What happens, as server-sent events; resumes by Last-Event-ID.',
      query: eventQuerySchema,
      answer: { description: 'A stream of events.', type: 'text/event-stream' },
      handle({ query }, call) {
        const header = call.request.headers.get('last-event-id');
        const after = header !== null && /^\d{1,15}$/.test(header) ? Number(header) : query.after;
        return eventStream(studio, {
          caller: call.caller,
          signal: call.signal,
          query: { ...query, after },
          onOpen: () => metrics.eventClients.inc(),
          onClose: () => metrics.eventClients.dec(),
        });
      },
    }),
    route({
      method: 'get',
      path: '/ws',
      operation: 'eventSocket',
      tag: 'Events',
      role: 'viewer',
      summary: 'The same events over a WebSocket, one JSON text a message: id, type, at, data.',
      query: eventQuerySchema,
      answer: { description: 'Never: a request that upgrades to a WebSocket gets 101, any other 426.' },
      handle() {
        const headers = { upgrade: 'websocket', connection: 'upgrade' };
        throw new AnswerError('events.upgrade', 'This is a WebSocket; ask /events for server-sent events.', headers);
      },
    }),
    ...choiceRoutes(),
    ...settingsRoutes(studio),
    route({
      method: 'get',
      path: '/status',
      operation: 'getStatus',
      tag: 'Studio',
      role: 'viewer',
      summary: 'Version, engines, and how far running jobs are.',
      answer: {
        description: 'The studio.',
        schema: statusSchema,
      },
      handle: (_input, call) => ({
        version,
        user: call.caller,
        lastEvent: studio.events.lastId,
        engines: studio.engines(),
        running: studio.progress
          .list()
          .filter((progress) => call.caller.role !== 'user' || progress.user === call.caller.name),
      }),
    }),
    route({
      method: 'post',
      path: '/engines/unload',
      operation: 'unloadEngines',
      tag: 'Studio',
      role: 'admin',
      summary: 'Give back the memory of engines that have nothing to do.',
      answer: { status: 204, description: 'Done.' },
      handle: async () => await studio.unload(),
    }),
  ];
}

/** What a page needs to know to draw its controls, so that it holds no table of its own. */
function choiceRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/families',
      operation: 'listFamilies',
      tag: 'Models',
      role: 'viewer',
      summary: 'Model families that can be run, and the controls of a request: fields, bounds, defaults, choices.',
      answer: {
        description: 'Families and controls.',
        schema: controlsSchema,
      },
      handle: readControls,
    }),
  ];
}

async function readControls(): Promise<z.input<typeof controlsSchema>> {
  const [{ samplers }, { schedulers }, { families }] = await Promise.all([
    import('#diffusion/samplers/index'),
    import('#diffusion/schedules'),
    import('#models/families'),
  ]);
  return {
    families: families.map(({ id, title }) => ({ id, title })),
    maxSide,
    samplers: samplers.map((row) => ({
      name: row.name,
      aliases: [...(row.aliases ?? [])],
      scheduler: row.scheduler ?? 'Uniform',
    })),
    schedulers: schedulers.map((row) => ({ name: row.name, aliases: [...(row.aliases ?? [])] })),
    request: z.toJSONSchema(generateSchema, { io: 'input' }),
  };
}

function settingsRoutes(studio: Studio): Route[] {
  const answer = { description: 'All settings.', schema: settingsSchema };
  return [
    route({
      method: 'get',
      path: '/settings',
      operation: 'getSettings',
      tag: 'Studio',
      role: 'viewer',
      summary: 'Settings.',
      answer,
      handle: () => studio.settings.get(),
    }),
    route({
      method: 'patch',
      path: '/settings',
      operation: 'changeSettings',
      tag: 'Studio',
      role: 'admin',
      summary: 'Change the given settings.',
      // Not the schema itself: its defaults would reset what is left out. The studio checks the values.
      body: z.record(z.string(), z.unknown()).describe('Any of the settings.'),
      answer,
      handle: ({ body }, call) => {
        requireRole(call.caller, 'admin');
        return studio.settings.update(body as Parameters<typeof studio.settings.update>[0]);
      },
    }),
  ];
}
