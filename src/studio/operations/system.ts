/** Handlers of the studio itself: status, what can be chosen, settings, engines. */

import { z } from 'zod';
import type { Operation } from '#api/operation';
import { operations } from '#api/operations/index';
import { jobInputSchema } from '#api/operations/jobs';
import type { choices, settings, studio as studioRows } from '#api/operations/system';
import { settingsSchema } from '#api/records/settings';
import { maySee } from '#api/rights';
import { maxSide } from '#pipelines/request';
import { inTurns, once } from '../events/next-turn.ts';
import { checkpointKinds, kindsOfChoices } from '../work/check-request.ts';
import type { HandlersOf } from './context.ts';

export const choiceHandlers = {
  async listFamilies() {
    const { families } = await import('#models/families');
    return {
      families: families.map(({ id, title }) => ({ id, title })),
      maxSide,
      samplers: await samplerChoices(),
      schedulers: await schedulerChoices(),
      upscalers: await upscalerChoices(),
      lists: { axes: (await import('#pipelines/series/axes')).axes.map(({ name, label }) => ({ name, label })) },
      kinds: Object.fromEntries(Object.entries(kindsOfChoices).map(([name, kinds]) => [name, [...kinds]])),
      request: z.toJSONSchema(jobInputSchema, { io: 'input' }),
    };
  },
  listTools: async () => ({ tools: await toolForms() }),
  listSamplers: async () => ({ samplers: await samplerChoices() }),
  listSchedulers: async () => ({ schedulers: await schedulerChoices() }),
} satisfies HandlersOf<typeof choices>;

/** Made once, each in a turn of the event loop. */
const toolForms = once(async () => {
  const tools = [];
  for await (const [name, { tool, input }] of inTurns(Object.entries<Operation>(operations), 1))
    if (tool) tools.push({ name, ...tool, schema: z.toJSONSchema(input, { io: 'input' }) });
  return tools;
});

export const settingsHandlers = {
  getSettings: (_input, { studio }) => studio.settings.get(),
  getSettingsSchema: () => z.toJSONSchema(settingsSchema, { io: 'input' }),
  changeSettings: (patch, { studio }) => {
    // A default that is not there would break every request that names no model.
    const { defaultModel } = patch;
    // By its own name: a part of one may mean another model later.
    const name = defaultModel && studio.library.find(defaultModel, checkpointKinds).name;
    return studio.settings.update(name ? { ...patch, defaultModel: name } : patch);
  },
} satisfies HandlersOf<typeof settings>;

export const studioHandlers = {
  getStatus: (_input, { studio, caller, version }) => ({
    version,
    user: caller,
    lastEvent: studio.events.lastId,
    engines: studio.engines().map((engine) => ({ ...engine })),
    running: studio.progress.list().filter(({ user }) => maySee(caller, user)),
  }),
  warmEngines: async (_input, { studio }) => await studio.warm(),
  unloadEngines: async (_input, { studio }) => await studio.unload(),
} satisfies HandlersOf<typeof studioRows>;

async function samplerChoices() {
  const { samplers } = await import('#diffusion/samplers/index');
  return samplers.map(({ name, aliases = [], scheduler = 'Uniform' }) => ({ name, aliases: [...aliases], scheduler }));
}

async function schedulerChoices() {
  const { schedulers } = await import('#diffusion/schedules');
  return schedulers.map(({ name, aliases = [] }) => ({ name, aliases: [...aliases] }));
}

async function upscalerChoices() {
  const [{ latentModes }, { resamplerNames }] = await Promise.all([
    import('#pipelines/hires'),
    import('#pipelines/upscale/upscalers'),
  ]);
  const latent = Object.keys(latentModes).map((name) => ({ name, latent: true }));
  return [...latent, ...resamplerNames.map((name) => ({ name, latent: false }))];
}
