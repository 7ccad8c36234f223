/**
 * ComfyUI: the graph that was run, as JSON under `prompt`: nodes by id, each with `class_type` and `inputs`, where a
 * link is `[node id, output]`. Read are the settings of the first pass (the sampler whose latent comes from no other
 * one, and what leads to it) and of the one behind it (comfyui-passes.ts). Nodes are told by their inputs, since there are
 * thousands of kinds; by their names are told those that are a schedule or a sampler, and those that are named as left out.
 *
 * Source: ComfyUI nodes.py and comfy_extras/nodes_custom_sampler.py (names of inputs). Left out: the page's drawing of
 * the graph (`workflow`), which is no record of what was run; pictures that it reads; passes after the second.
 */

import type { InfotextEntry } from '../infotext-writer.ts';
import { Graph, guides, isLink, modelNameOf } from './comfyui-graph.ts';
import { controlEntries, laterEntries, type Pass } from './comfyui-passes.ts';
import { patchEntries } from './comfyui-patches.ts';
import { type Dialect, type Json, numberOf, type PictureSize, parseObject, sizeText, textOf } from './dialect.ts';

export const comfyUi: Dialect = {
  program: 'ComfyUI',
  keywords: ['prompt'],
  read(texts, size) {
    const nodes = parseObject(withoutNaN(texts.get('prompt')));
    const graph = nodes && new Graph(nodes);
    const sampler = graph?.firstSampler();
    if (!graph || !sampler) return undefined;
    const first = passOf(graph, sampler);
    return {
      prompt: first.prompt,
      negativePrompt: first.negativePrompt,
      entries: [
        ...first.entries,
        ...sizeEntries(graph, sampler, size),
        ...laterEntries(graph, first, (node) => passOf(graph, node), size),
        ...controlEntries(graph, sampler),
        ['ComfyUI nodes', graph.leftOut()],
      ],
    };
  },
};

/** What one sampler was asked for. */
function passOf(graph: Graph, sampler: Json): Pass {
  const guided = graph.search(sampler, (node) => isLink(node.positive) || isLink(node.conditioning), guides) ?? sampler;
  const loras = graph.loraTags(sampler);
  return {
    sampler,
    prompt: [graph.textOf(guided.positive ?? guided.conditioning, 'positive'), ...loras].filter(Boolean).join(' '),
    negativePrompt: graph.textOf(guided.negative, 'negative'),
    entries: [
      ...samplingEntries(graph, sampler),
      ...modelEntries(graph, sampler, guided),
      ...patchEntries(graph, sampler),
    ],
  };
}

function samplingEntries(graph: Graph, sampler: Json): InfotextEntry[] {
  const setting = (...keys: string[]): unknown => graph.setting(sampler, keys);
  const denoise = numberOf(setting('denoise'));
  return [
    ['Steps', numberOf(setting('steps'))],
    ['Sampler', textOf(setting('sampler_name')) ?? graph.named(sampler, 'sampler', samplerNodes)],
    ['Schedule type', textOf(setting('scheduler')) ?? graph.named(sampler, 'sigmas', scheduleNodes)],
    ['CFG scale', numberOf(setting('cfg'))],
    ['Seed', numberOf(setting('seed', 'noise_seed'))],
    ['Denoising strength', denoise === undefined || Number(denoise) === 1 ? undefined : denoise],
  ];
}

function sizeEntries(graph: Graph, sampler: Json, size: PictureSize | undefined): InfotextEntry[] {
  const latent = graph.search(sampler, (node) => 'width' in node && 'height' in node, ['latent_image']);
  const own = latent && sizeText(graph.value(latent.width), graph.value(latent.height));
  return [['Size', own ?? (size && sizeText(size.width, size.height))]];
}

function modelEntries(graph: Graph, sampler: Json, guided: Json): InfotextEntry[] {
  const loader = graph.search(sampler, (node) => modelNameOf(node) !== undefined, [...guides, 'model']);
  const encoder = graph.search(guided, (node) => 'stop_at_clip_layer' in node, ['positive', 'conditioning', 'clip']);
  const layer = Number(graph.value(encoder?.stop_at_clip_layer));
  const vae = graph.vaeName();
  return [
    ['Model', loader && modelNameOf(loader)],
    ['VAE', vae],
    ['Clip skip', layer < -1 ? -layer : undefined],
  ];
}

/** Schedules and samplers that are nodes, by their kinds. */
const scheduleNodes: Readonly<Record<string, string>> = {
  KarrasScheduler: 'karras',
  ExponentialScheduler: 'exponential',
  PolyexponentialScheduler: 'polyexponential',
  AlignYourStepsScheduler: 'align_your_steps',
  BetaSamplingScheduler: 'beta',
};
const samplerNodes: Readonly<Record<string, string>> = {
  SamplerEulerAncestral: 'euler_ancestral',
  SamplerDPMPP_2S_Ancestral: 'dpmpp_2s_ancestral',
  SamplerDPMPP_SDE: 'dpmpp_sde',
  SamplerDPMPP_2M_SDE: 'dpmpp_2m_sde',
  SamplerDPMPP_3M_SDE: 'dpmpp_3m_sde',
  SamplerDPMAdaptative: 'dpm_adaptive',
  SamplerLMS: 'lms',
  SamplerER_SDE: 'er_sde',
  SamplerSASolver: 'sa_solver',
};

/** Some nodes write NaN, which JSON has no word for. */
function withoutNaN(text: string | undefined): string | undefined {
  return text?.replace(/([:[,]\s*)NaN(?=\s*[,\]}])/g, '$1null');
}
