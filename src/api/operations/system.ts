/** The studio itself: events, status, what can be chosen, settings, engines. */

import { z } from 'zod';
import { operation } from '../operation.ts';
import { progressSchema } from '../records/job.ts';
import { jobKinds } from '../records/job-kinds.ts';
import { settingsSchema } from '../records/settings.ts';

/** What readers of events can ask for, over either protocol. */
export const eventQuerySchema = z.object({
  after: z.int().min(0).optional().describe('Resume after this event, as Last-Event-ID does.'),
  type: z.array(z.string().max(50)).max(50).optional().describe('Only these types; may be repeated.'),
  job: z.string().max(64).optional().describe('Only this job’s.'),
  kind: z.array(z.enum(jobKinds)).default(['picture']).describe('Of jobs of these kinds; may be repeated.'),
});

export const statusSchema = z.object({
  version: z.string(),
  user: z.object({ name: z.string(), role: z.string() }),
  lastEvent: z.number().describe('Id of the latest event.'),
  engines: z.array(z.looseObject({ device: z.string(), state: z.string(), rss: z.number() })),
  running: z.array(progressSchema),
});

const samplerSchema = z.object({
  name: z.string(),
  aliases: z.array(z.string()),
  scheduler: z.string().describe('What Automatic stands for.'),
});
const schedulerSchema = z.object({ name: z.string(), aliases: z.array(z.string()) });

export const controlsSchema = z.object({
  families: z.array(z.object({ id: z.string(), title: z.string() })),
  maxSide: z.int(),
  samplers: z.array(samplerSchema),
  schedulers: z.array(schedulerSchema),
  upscalers: z
    .array(z.object({ name: z.string(), latent: z.boolean().describe('For hires fix alone.') }))
    .describe('Ways of enlarging that are no files; those are among the models.'),
  lists: z
    .record(z.string(), z.array(z.object({ name: z.string(), label: z.string() })))
    .describe('What a field whose `choices` is one of these names offers.'),
  kinds: z
    .record(z.string(), z.array(z.string()))
    .describe('What a field whose `choices` is one of these names offers: models of these kinds.'),
  request: z.looseObject({}).describe('JSON Schema of a request.'),
});

const toolSchema = z.object({
  name: z.string().describe('Of the operation that does it.'),
  title: z.string(),
  on: z.enum(['pictures', 'models', 'experiments']),
  about: z.string(),
  schema: z.looseObject({}).describe('JSON Schema of what it is given.'),
});

export const events = {
  events: operation({
    method: 'get',
    path: '/events',
    tag: 'Events',
    runs: true,
    kind: 'events',
    media: 'text/event-stream',
    summary: 'What happens, as server-sent events; resumes by Last-Event-ID.',
    input: eventQuerySchema,
  }),
  eventSocket: operation({
    method: 'get',
    path: '/ws',
    tag: 'Events',
    runs: true,
    kind: 'socket',
    summary:
      'The same events over a WebSocket (101), one JSON text a message: id, type, at, data; without an upgrade 426.',
    input: eventQuerySchema,
  }),
};

export const choices = {
  listFamilies: operation({
    method: 'get',
    path: '/families',
    tag: 'Choices',
    summary: 'Model families that can be run, and the controls of a request: fields, bounds, defaults, choices.',
    output: controlsSchema,
  }),
  listTools: operation({
    method: 'get',
    path: '/tools',
    tag: 'Choices',
    summary: 'What can be asked for besides pictures and trainings, each with the form of what it is given.',
    output: z.object({ tools: z.array(toolSchema) }),
  }),
  listSamplers: operation({
    method: 'get',
    path: '/samplers',
    tag: 'Choices',
    summary: 'Sampling methods, with the noise schedule that Automatic stands for.',
    output: z.object({ samplers: z.array(samplerSchema) }),
    command: { usage: 'samplers', bare: true },
  }),
  listSchedulers: operation({
    method: 'get',
    path: '/schedulers',
    tag: 'Choices',
    summary: 'Noise schedules.',
    output: z.object({ schedulers: z.array(schedulerSchema) }),
    command: { usage: 'schedulers', bare: true },
  }),
};

export const settings = {
  getSettings: operation({
    method: 'get',
    path: '/settings',
    tag: 'Studio',
    summary: 'Settings.',
    output: settingsSchema,
    command: { usage: 'settings show', creates: true },
  }),
  getSettingsSchema: operation({
    method: 'get',
    path: '/settings/schema',
    tag: 'Studio',
    summary: 'Settings as JSON Schema: bounds, defaults, what each is for.',
    output: z.looseObject({}),
  }),
  changeSettings: operation({
    method: 'patch',
    path: '/settings',
    tag: 'Studio',
    changes: ['settings'],
    summary: 'Change the given settings.',
    input: patchOf(settingsSchema),
    output: settingsSchema,
    command: { usage: 'settings set', creates: true, examples: ['settings set --output-format webp'] },
  }),
};

export const studio = {
  getStatus: operation({
    method: 'get',
    path: '/status',
    tag: 'Studio',
    runs: true,
    summary: 'Version, engines, and how far running jobs are.',
    output: statusSchema,
  }),
  warmEngines: operation({
    method: 'post',
    path: '/engines/warm',
    tag: 'Studio',
    changes: ['engines'],
    runs: true,
    summary: 'Start every engine ahead of the first job.',
  }),
  unloadEngines: operation({
    method: 'post',
    path: '/engines/unload',
    tag: 'Studio',
    changes: ['engines'],
    runs: true,
    summary: 'Give back the memory of engines that have nothing to do.',
  }),
};

type Patch<S extends z.ZodRawShape> = {
  [F in keyof S]: S[F] extends z.ZodDefault<infer T> ? z.ZodOptional<T> : z.ZodOptional<S[F]>;
};

/** Every field may be left out, and then says nothing: its default would reset it. */
function patchOf<S extends z.ZodRawShape>(schema: z.ZodObject<S>): z.ZodObject<Patch<S>> {
  const fields = Object.entries(schema.shape as unknown as Record<string, z.ZodType>).map(([name, field]) => {
    const bare = field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : field;
    return [name, bare.optional().meta(field.meta() ?? {})];
  });
  return z.object(Object.fromEntries(fields) as Patch<S>);
}
