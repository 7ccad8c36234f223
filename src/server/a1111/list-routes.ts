/** What A1111's clients fill their selectors from, and what they change: options, models, samplers, memory. */

import { freemem, totalmem } from 'node:os';
import { z } from 'zod';
import type { ModelKind } from '#api/records/model';
import type { SamplerRow } from '#diffusion/samplers/index';
import { findStyles, type PromptStyle } from '#prompt/styles';
import { flat } from '#studio/library/find';
import type { LibraryModel } from '#studio/library/model';
import { pictureMaxBody } from '../http/body.ts';
import type { Caller } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { warningHeader } from '../http/warnings.ts';
import { pictureOf } from '../pictures.ts';
import type { A1111Parts } from './parts.ts';
import { scriptInfos, scriptNames } from './scripts.ts';

const list = { description: 'A list.', schema: z.array(z.looseObject({})) };
const anything = { description: 'A dictionary.', schema: z.looseObject({}) };
const nothing = { description: 'Nothing.', schema: z.null() };
const tag = 'A1111';

/** Schedules by the facts upstream tells about them; -1: no rho. */
const rhos: Readonly<Record<string, number>> = { Karras: 7, Polyexponential: 1 };
const needInnerModel: readonly string[] = ['SGM Uniform', 'Simple', 'Normal', 'DDIM', 'Beta'];

export function listRoutes(parts: A1111Parts): Route[] {
  return [
    ...modelLists(parts),
    ...fixedLists(parts),
    ...optionRoutes(parts),
    ...actionRoutes(parts),
    pngInfoRoute(parts),
  ];
}

function get(path: string, summary: string, answer: Route['answer'], read: (caller: Caller) => unknown): Route {
  const operation = `a1111${path.replaceAll(/(?:^|[/-])(\w)/g, (_, letter: string) => letter.toUpperCase())}`;
  return route({
    method: 'get',
    path,
    operation,
    tag,
    role: 'viewer',
    summary,
    answer,
    handle: (_input, call) => read(call.caller),
  });
}

function modelLists({ studio, options }: A1111Parts): Route[] {
  const { library } = studio;
  const kind = (each: ModelKind) => library.list({ kind: each });
  // Where files lie is for admins to know.
  const path = (model: LibraryModel, caller: Caller) => (caller.role === 'admin' ? model.path : model.name);
  return [
    get('/sd-models', 'Checkpoints.', list, (caller) =>
      kind('checkpoint').map((model) => ({
        title: model.title,
        model_name: flat(model.name),
        hash: model.shortHash ?? null,
        sha256: model.sha256 ?? null,
        filename: path(model, caller),
        config: null,
        // Not upstream's: why it cannot be used.
        problem: model.description.problem,
      })),
    ),
    get('/sd-vae', 'VAEs.', list, (caller) =>
      kind('vae').map((model) => ({ model_name: model.name, filename: path(model, caller) })),
    ),
    get('/hypernetworks', 'Hypernetworks.', list, (caller) =>
      kind('hypernetwork').map((model) => ({ name: model.name, path: path(model, caller) })),
    ),
    get('/loras', 'LoRAs.', list, (caller) =>
      kind('lora').map((model) => ({
        name: model.name.split('/').at(-1),
        alias: model.description.metadata.ss_output_name ?? model.name.split('/').at(-1),
        path: path(model, caller),
        metadata: model.description.metadata,
      })),
    ),
    get('/prompt-styles', 'Prompt styles.', list, async () =>
      (await studio.promptFiles.styles()).map(({ name, prompt, negativePrompt }) => ({
        name,
        prompt,
        negative_prompt: negativePrompt,
      })),
    ),
    get('/embeddings', 'Embeddings of the default model’s family, and those of others.', anything, () => {
      const family = options.checkpoint(studio.settings.get().defaultModel)?.description.family;
      const fits = ({ description }: LibraryModel): boolean =>
        description.problem === undefined && (description.family ?? family) === family;
      const all = kind('embedding');
      const named = (models: readonly LibraryModel[]) =>
        Object.fromEntries(models.map((model) => [model.name.split('/').at(-1), embeddingFacts(model)]));
      return { loaded: named(all.filter(fits)), skipped: named(all.filter((model) => !fits(model))) };
    }),
  ];
}

/** What A1111's files say of how they were trained. */
function embeddingFacts({ description: { embedding, metadata } }: LibraryModel): Record<string, unknown> {
  const step = Number(metadata.step);
  return {
    step: Number.isInteger(step) ? step : null,
    sd_checkpoint: metadata.sd_checkpoint ?? null,
    sd_checkpoint_name: metadata.sd_checkpoint_name ?? null,
    shape: embedding?.width ?? null,
    vectors: embedding?.vectors ?? null,
  };
}

function fixedLists({ studio }: A1111Parts): Route[] {
  return [
    get('/samplers', 'Samplers.', list, async () => {
      const { samplers } = await import('#diffusion/samplers/index');
      return samplers.map((row) => ({ name: row.name, aliases: row.aliases, options: samplerOptions(row) }));
    }),
    get('/schedulers', 'Noise schedules.', list, async () => {
      const { schedulers } = await import('#diffusion/schedules');
      return schedulers.map(({ name, aliases }) => ({
        name: aliases[0] ?? name.toLowerCase(),
        label: name,
        aliases: aliases.length > 1 ? aliases.slice(1) : null,
        default_rho: rhos[name] ?? -1,
        need_inner_model: needInnerModel.includes(name),
      }));
    }),
    get('/face-restorers', 'Face restorers: ONNX files of the user.', list, async () =>
      (await studio.faceRestorers()).map(({ name }) => ({ name, cmd_dir: null })),
    ),
    get('/script-info', 'Scripts with their arguments.', list, () => scriptInfos()),
    get('/extensions', 'Extensions; none.', list, () => []),
    get('/scripts', 'Scripts by tab.', anything, () => ({
      txt2img: scriptNames('txt2img'),
      img2img: scriptNames('img2img'),
    })),
    get('/cmd-flags', 'Flags that clients look at.', anything, () => ({ api: true, nowebui: false, api_log: false })),
  ];
}

/** Upstream's words for what a sampler is; all values are text there. */
function samplerOptions(row: SamplerRow): Record<string, string> {
  const flags = {
    second_order: row.secondOrder,
    uses_ensd: row.usesSeedDelta,
    brownian_noise: row.noise === 'brownian',
    discard_next_to_last_sigma: row.discardPenultimate,
  };
  return {
    ...(row.scheduler === undefined ? {} : { scheduler: row.scheduler.toLowerCase() }),
    ...Object.fromEntries(Object.entries(flags).flatMap(([flag, on]) => (on ? [[flag, 'True']] : []))),
  };
}

function optionRoutes({ options }: A1111Parts): Route[] {
  return [
    get('/options', 'All options.', anything, () => options.get()),
    route({
      method: 'post',
      path: '/options',
      operation: 'a1111SetOptions',
      tag,
      role: 'admin',
      summary: 'Change options; sd_model_checkpoint switches the default model.',
      body: z.record(z.string(), z.unknown()),
      answer: nothing,
      handle({ body }) {
        const warnings = options.set(body);
        const headers = { 'content-type': 'application/json', ...warningHeader(warnings) };
        return new Response('null', { headers });
      },
    }),
  ];
}

function actionRoutes({ studio }: A1111Parts): Route[] {
  const post = (
    path: string,
    summary: string,
    answer: Route['answer'],
    act: () => Promise<void>,
    value: unknown,
  ): Route =>
    route({
      method: 'post',
      path,
      operation: `a1111${path.replaceAll(/[/-](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
      tag,
      role: path.startsWith('/refresh') ? 'user' : 'admin',
      summary,
      answer,
      async handle() {
        await act();
        return value;
      },
    });
  const refresh = async () => await studio.library.refresh();
  return [
    ...['checkpoints', 'vae', 'loras', 'embeddings'].map((what) =>
      post(`/refresh-${what}`, 'Look at the model folders.', nothing, refresh, null),
    ),
    post('/unload-checkpoint', 'Give the engine’s memory back.', anything, async () => await studio.unload(), {}),
    post('/reload-checkpoint', 'Start the engine ahead of a job.', anything, async () => await studio.warm(), {}),
    get('/memory', 'Memory of the machine and the engines, in bytes.', anything, () => ({
      ram: { free: freemem(), used: totalmem() - freemem(), total: totalmem() },
      cuda: { error: 'CUDA memory is not watched.' },
      engines: studio.engines().map(({ device, rss }) => ({ device, rss })),
    })),
  ];
}

function pngInfoRoute({ pictures, studio }: A1111Parts): Route {
  return route({
    method: 'post',
    path: '/png-info',
    operation: 'a1111PngInfo',
    tag,
    role: 'viewer',
    summary: 'Parameters inside a picture file.',
    body: z.looseObject({ image: z.string().min(1) }),
    maxBody: pictureMaxBody,
    answer: {
      description: 'The text and what it says.',
      schema: z.object({ info: z.string(), items: z.looseObject({}), parameters: z.looseObject({}) }),
    },
    async handle({ body }, call) {
      const bytes = await pictureOf(body.image, call.caller, pictures, call.signal);
      const { infotext, parameters, others } = await studio.readTexts(bytes, call);
      const styled = infotext === undefined ? parameters : withStyles(parameters, await studio.promptFiles.styles());
      return { info: infotext ?? '', items: others, parameters: styled };
    },
  });
}

/** As upstream reads a text: the styles that its prompts show are taken out and listed (`Apply if any`). */
function withStyles(parameters: Readonly<Record<string, unknown>>, known: readonly PromptStyle[]): object {
  const text = (key: string): string => String(parameters[key] ?? '');
  const { styles, prompt, negativePrompt } = findStyles(text('Prompt'), text('Negative prompt'), known);
  if (styles.length === 0) return parameters;
  return { ...parameters, Prompt: prompt, 'Negative prompt': negativePrompt, 'Styles array': styles };
}
