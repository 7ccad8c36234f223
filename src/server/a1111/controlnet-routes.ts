/**
 * sd-webui-controlnet's own routes: what its clients fill their selectors from, and previews of hints.
 * Source: Mikubill/sd-webui-controlnet v1.1.455, scripts/api.py.
 */

import { z } from 'zod';
import { FieldError } from '#api/check';
import { controlKinds } from '#models/control/open';
import type { Annotator, AnnotatorSlider } from '#pipelines/annotators/annotator';
import { annotators, findAnnotator, usualResolution } from '#pipelines/annotators/index';
import { maxControls } from '#pipelines/control/unit';
import { legacyHash } from '#studio/library/hash';
import type { LibraryModel } from '#studio/library/model';
import { pictureMaxBody } from '../http/body.ts';
import { type Route, route } from '../http/route.ts';
import { pictureOf } from '../pictures.ts';
import type { A1111Parts } from './parts.ts';
import { bool, float, int, list, text } from './pydantic.ts';

const tag = 'ControlNet';
const anything = { description: 'A dictionary.', schema: z.looseObject({}) };
/** Of its API, as clients ask for it. */
const apiVersion = 3;

export function controlNetRoutes(parts: A1111Parts): Route[] {
  const { studio } = parts;
  const get = (path: string, summary: string, read: (query: Readonly<Record<string, unknown>>) => unknown): Route =>
    route({
      method: 'get',
      path,
      operation: `controlnet${path.replaceAll(/[/_](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
      tag,
      role: 'viewer',
      summary,
      query: z.looseObject({ update: bool, alias_names: bool }),
      answer: anything,
      handle: ({ query }) => read(query),
    });
  return [
    get('/version', 'Version of the ControlNet API.', () => ({ version: apiVersion })),
    get('/settings', 'How many units a request may have.', () => ({ control_net_unit_count: maxControls })),
    get('/model_list', 'Control models, with their hashes.', async ({ update }) => {
      if (update !== false) await studio.library.refresh();
      return { model_list: ['None', ...(await modelTitles(studio))] };
    }),
    get('/module_list', 'Preprocessors and their numbers.', async ({ alias_names: aliased }) => {
      const rows = await moduleRows(studio);
      const named = (row: Annotator) => (aliased === true ? (row.aliases?.at(-1) ?? row.name) : row.name);
      return {
        module_list: rows.map(named),
        module_detail: Object.fromEntries(rows.map((row) => [named(row), detailOf(row)])),
      };
    }),
    get('/control_types', 'Kinds of control, with their preprocessors and models.', async () => {
      const [rows, models] = [await moduleRows(studio), await modelTitles(studio)];
      return { control_types: controlTypes(rows, models) };
    }),
    detectRoute(parts),
  ];
}

type Studio = A1111Parts['studio'];

async function modelTitles({ library }: Pick<Studio, 'library'>): Promise<string[]> {
  const found = library.list().filter(({ kind }) => (controlKinds as readonly string[]).includes(kind));
  return await Promise.all(found.map(titleOf));
}

async function titleOf({ name, path, legacyHash: known }: LibraryModel): Promise<string> {
  const stem = name.split('/').at(-1)!;
  // A folder has none.
  const hash = known ?? (await legacyHash(path).catch(() => undefined));
  return hash === undefined ? stem : `${stem} [${hash}]`;
}

/** Ours, then the user's. */
async function moduleRows(studio: Studio): Promise<readonly Annotator[]> {
  const own = (await studio.annotators()).map(
    (name): Annotator => ({
      name,
      summary: '',
      tags: [],
      usesResolution: true,
      reads: 'picture',
      annotate: ({ image }) => ({ image }),
    }),
  );
  return [...annotators, ...own];
}

function detailOf(row: Annotator) {
  const resolution: AnnotatorSlider = { label: 'Resolution', min: 64, max: 2048, step: 8, value: usualResolution };
  const sliders = [row.usesResolution ? resolution : undefined, row.a, row.b];
  const used = sliders.slice(0, sliders.findLastIndex((each) => each !== undefined) + 1);
  return {
    model_free: row.reads === 'reference',
    sliders: used.map(
      (each) => each && { name: each.label, value: each.value, min: each.min, max: each.max, step: each.step },
    ),
  };
}

/** Words in a model's name by which it is of a kind, where the kind's own name does not tell. */
const modelWords: Readonly<Record<string, readonly string[]>> = {
  'IP-Adapter': ['ip-adapter', 'ip_adapter'],
  Lineart: ['lineart'],
  Recolor: ['recolor'],
  Tile: ['tile', 'blur'],
};

function controlTypes(rows: readonly Annotator[], models: readonly string[]) {
  const tags = ['All', ...new Set(rows.flatMap((row) => row.tags))];
  return Object.fromEntries(
    tags.map((kind) => {
      const words = modelWords[kind] ?? [kind.toLowerCase()];
      const fitting = models.filter(
        (model) => kind === 'All' || words.some((word) => model.toLowerCase().includes(word)),
      );
      const modules = rows
        .filter((row) => kind === 'All' || row.name === 'none' || row.tags.includes(kind))
        .map((row) => row.name);
      const row = {
        module_list: modules,
        model_list: ['None', ...fitting],
        default_option:
          kind === 'All' ? 'none' : (modules.find((name) => name !== 'none' && name !== 'invert') ?? 'none'),
        default_model: kind === 'All' ? 'None' : (fitting[0] ?? 'None'),
      };
      return [kind, row] as const;
    }),
  );
}

const detectSchema = z.looseObject({
  controlnet_module: text,
  controlnet_input_images: list,
  controlnet_processor_res: int,
  controlnet_threshold_a: float,
  controlnet_threshold_b: float,
  controlnet_masks: list,
  low_vram: bool,
});

function detectRoute({ studio, pictures }: A1111Parts): Route {
  return route({
    method: 'post',
    path: '/detect',
    operation: 'controlnetDetect',
    tag,
    role: 'user',
    summary: 'Hints of pictures, as a preprocessor makes them.',
    body: detectSchema,
    maxBody: pictureMaxBody,
    answer: anything,
    async handle({ body }, call) {
      const name = body.controlnet_module ?? 'none';
      const images = body.controlnet_input_images ?? [];
      const masks = body.controlnet_masks ?? [];
      const row = findAnnotator(name);
      if (row && row.reads !== 'picture') throw new FieldError('controlnet_module', 'Module not supported');
      if (images.length === 0) throw new FieldError('controlnet_input_images', 'No image selected');
      if (row?.needsMask && masks.length !== images.length) {
        throw new FieldError('controlnet_masks', `Preprocessor ${name} requires \`controlnet_masks\` param.`);
      }
      const read = async (source: unknown) => await pictureOf(String(source), call.caller, pictures, call.signal);
      const natural = (value: number | null | undefined) => (value == null || value < 0 ? undefined : value);
      const resolution = natural(body.controlnet_processor_res);
      const hints: string[] = [];
      for (const [i, source] of images.entries()) {
        const given = { image: await read(source), mask: masks[i] === undefined ? undefined : await read(masks[i]) };
        const request = {
          module: name,
          resolution: resolution === undefined || resolution < 64 ? undefined : resolution,
          thresholdA: natural(body.controlnet_threshold_a),
          thresholdB: natural(body.controlnet_threshold_b),
        };
        hints.push(Buffer.from(await studio.makeHint(given, request, call)).toString('base64'));
      }
      return { info: 'Success', images: hints };
    },
  });
}
