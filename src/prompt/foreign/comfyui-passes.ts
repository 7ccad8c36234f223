/**
 * What in a graph of ComfyUI acts beside its first pass, in A1111's words: a second pass over an enlarged picture is a
 * hires fix, one that goes on with the same steps on another checkpoint is a refiner, networks applied to the prompt are
 * units of ControlNet. What has no such word is told.
 *
 * Source: ComfyUI nodes.py (KSampler, KSamplerAdvanced, LatentUpscale, ControlNetApply; names of inputs). A second pass
 * of N steps at strength d denoises N steps there as here.
 */

import type { InfotextEntry } from '../infotext-writer.ts';
import { type Graph, guides, isLink } from './comfyui-graph.ts';
import { baseName, type Json, type PictureSize, sizeText, textOf } from './dialect.ts';

/** What one sampler was asked for, as infotext. */
export interface Pass {
  readonly sampler: Json;
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly entries: readonly InfotextEntry[];
}

export function laterEntries(
  graph: Graph,
  first: Pass,
  passOf: (sampler: Json) => Pass,
  size: PictureSize | undefined,
): InfotextEntry[] {
  const others = graph.samplers().filter((sampler) => sampler !== first.sampler);
  const ways = others.flatMap((sampler) => {
    const way = graph.between(sampler, first.sampler);
    return way ? [{ sampler, way }] : [];
  });
  const [second] = ways;
  if (!second) return [];
  if (others.length > 1) graph.leave(`${others.length - 1} more passes`);
  const steps = Number(graph.value(second.sampler.steps));
  const start = Number(graph.value(second.sampler.start_at_step) ?? 0);
  const enlarges = second.way.some(isEnlarging);
  if (start > 0 && !enlarges) return refinerEntries(graph, first, passOf(second.sampler), start / steps);
  const shared = start > 0 ? { steps: steps - start, strength: 1 - start / steps } : undefined;
  return [...enlargementEntries(graph, second.way, size), ...ownEntries(first, passOf(second.sampler), shared)];
}

/** Both count the same steps; where the model stays the same it is one pass. */
function refinerEntries(graph: Graph, first: Pass, second: Pass, at: number): InfotextEntry[] {
  const model = entryOf(second, 'Model');
  if (model === undefined || model === entryOf(first, 'Model')) return [];
  if (plain(second.prompt) !== plain(first.prompt)) graph.leave('prompt of the refiner');
  return [
    ['Refiner', model],
    ['Refiner switch at', Number(at.toFixed(4))],
  ];
}

/** What the second pass has otherwise than the first. */
function ownEntries(
  first: Pass,
  second: Pass,
  shared: { readonly steps: number; readonly strength: number } | undefined,
): InfotextEntry[] {
  const differing = (key: string, hires: string): InfotextEntry => {
    const value = entryOf(second, key);
    return [hires, value === entryOf(first, key) ? undefined : value];
  };
  const changed = (own: string, before: string): string | undefined => (own === before ? undefined : own);
  return [
    ['Denoising strength', shared ? Number(shared.strength.toFixed(4)) : (entryOf(second, 'Denoising strength') ?? 1)],
    shared ? ['Hires steps', shared.steps] : differing('Steps', 'Hires steps'),
    differing('Sampler', 'Hires sampler'),
    differing('Schedule type', 'Hires schedule type'),
    differing('CFG scale', 'Hires CFG Scale'),
    differing('Model', 'Hires checkpoint'),
    ['Hires prompt', changed(second.prompt, first.prompt)],
    ['Hires negative prompt', changed(second.negativePrompt, first.negativePrompt)],
  ];
}

function isEnlarging(node: Json): boolean {
  return 'upscale_method' in node || 'scale_by' in node || isLink(node.upscale_model);
}

const latentWays: Readonly<Record<string, string>> = {
  'nearest-exact': 'Latent (nearest-exact)',
  bicubic: 'Latent (bicubic)',
  bilinear: 'Latent',
};

/** By nodes on latents (`samples`) or pictures, in any number. */
function enlargementEntries(graph: Graph, way: readonly Json[], size: PictureSize | undefined): InfotextEntry[] {
  const nodes = way.filter(isEnlarging);
  for (const node of nodes) graph.take(node);
  const model = nodes.find((node) => isLink(node.upscale_model));
  const [last] = nodes;
  const sides = nodes.map((node) => sizeText(graph.value(node.width), graph.value(node.height))).find(Boolean);
  const factors = nodes.map((node) => Number(graph.value(node.scale_by) ?? 1));
  const by = factors.reduce((product, factor) => product * factor, 1);
  // A model enlarges by a factor of its own, which the graph does not tell; the picture's size does.
  const resize = sides ?? (model && size && sizeText(size.width, size.height));
  return [
    ['Hires upscaler', model ? modelName(graph, model) : wayName(last)],
    ['Hires resize', resize],
    ['Hires upscale', resize === undefined ? Number(by.toFixed(4)) : undefined],
  ];
}

function modelName(graph: Graph, node: Json): string | undefined {
  const loader = graph.at(node.upscale_model);
  if (loader) graph.take(loader);
  const name = textOf(loader?.model_name);
  return name && baseName(name);
}

function wayName(node: Json | undefined): string {
  const method = textOf(node?.upscale_method) ?? '';
  if (!node || 'samples' in node) return latentWays[method] ?? 'Latent';
  return method.startsWith('nearest') ? 'Nearest' : 'Lanczos';
}

function entryOf({ entries }: Pass, key: string): string | number | undefined {
  const value = entries.find(([own]) => own === key)?.[1];
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

/** Without networks, which a refiner has none of. */
const plain = (prompt: string): string => prompt.replace(/ ?<[^<>]*>/g, '');

/** Modules that make the same hints, by the kinds of nodes that make them. */
const modules: readonly (readonly [RegExp, string])[] = [
  [/canny/i, 'canny'],
  [/scribble.*xdog/i, 'scribble_xdog'],
  [/^(image)?invert/i, 'invert'],
  [/tile/i, 'tile_resample'],
];

/** Units of ControlNet, as its extension writes them; their pictures are not in the text. */
export function controlEntries(graph: Graph, sampler: Json): InfotextEntry[] {
  const nodes: Json[] = [];
  const collect = (node: Json): boolean => {
    if (isLink(node.control_net)) nodes.push(node);
    return 'text' in node;
  };
  graph.search(sampler, collect, [...guides, 'positive', 'conditioning']);
  return [...new Set(nodes)].map((node, i) => [`ControlNet ${i}`, unitText(graph, node)]);
}

function unitText(graph: Graph, node: Json): string | undefined {
  const loader = graph.at(node.control_net);
  const name = textOf(loader?.control_net_name);
  if (!loader || name === undefined) return undefined;
  for (const read of [loader, node]) graph.take(read);
  const maker = graph.kindOf(node.image);
  const module = modules.find(([kinds]) => maker !== undefined && kinds.test(maker))?.[1];
  if (module === undefined && maker !== undefined && !/^(Load|Preview)?Image/.test(maker)) graph.leave(maker);
  const number = (value: unknown, usual: number): number => Number(graph.value(value) ?? usual);
  const values: [string, string | number][] = [
    ['Module', module ?? 'none'],
    ['Model', baseName(name)],
    ['Weight', number(node.strength, 1)],
    ['Guidance Start', number(node.start_percent, 0)],
    ['Guidance End', number(node.end_percent, 1)],
  ];
  return values.map(([key, value]) => `${key}: ${String(value).replaceAll(/[,:]/g, ' ')}`).join(', ');
}
