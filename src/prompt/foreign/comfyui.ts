/**
 * ComfyUI: the graph that was run, as JSON under `prompt`: nodes by id, each with `class_type` and `inputs`, where a
 * link is `[node id, output]`. Read are the settings of the first pass: the sampler whose latent comes from no other
 * one, and what leads to it. Nodes are told by their inputs, since there are thousands of kinds; by their names are told
 * those that are a schedule or a sampler, and those that are named as left out.
 *
 * Source: ComfyUI nodes.py and comfy_extras/nodes_custom_sampler.py (names of inputs). Left out: the page's drawing of
 * the graph (`workflow`), which is no record of what was run; ControlNet and other images; later passes.
 */

import type { InfotextEntry } from '../infotext-writer.ts';
import {
  baseName,
  type Dialect,
  type Json,
  loraTag,
  numberOf,
  objectOf,
  parseObject,
  sizeText,
  textOf,
} from './dialect.ts';

export const comfyUi: Dialect = {
  program: 'ComfyUI',
  keywords: ['prompt'],
  read(texts, size) {
    const nodes = parseObject(withoutNaN(texts.get('prompt')));
    const graph = nodes && new Graph(nodes);
    const sampler = graph?.firstSampler();
    if (!graph || !sampler) return undefined;
    const guided =
      graph.search(sampler, (node) => isLink(node.positive) || isLink(node.conditioning), guides) ?? sampler;
    const loras = graph.loraTags(sampler);
    return {
      prompt: [graph.textOf(guided.positive ?? guided.conditioning, 'positive'), ...loras].filter(Boolean).join(' '),
      negativePrompt: graph.textOf(guided.negative, 'negative'),
      entries: [
        ...samplingEntries(graph, sampler),
        ...modelEntries(graph, sampler, guided, size),
        ['ComfyUI nodes', graph.leftOut()],
      ],
    };
  },
};

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

function modelEntries(
  graph: Graph,
  sampler: Json,
  guided: Json,
  size: { readonly width: number; readonly height: number } | undefined,
): InfotextEntry[] {
  const latent = graph.search(sampler, (node) => 'width' in node && 'height' in node, ['latent_image']);
  const loader = graph.search(sampler, (node) => modelNameOf(node) !== undefined, [...guides, 'model']);
  const encoder = graph.search(guided, (node) => 'stop_at_clip_layer' in node, ['positive', 'conditioning', 'clip']);
  const layer = Number(graph.value(encoder?.stop_at_clip_layer));
  const vae = graph.vaeName();
  const own = latent && sizeText(graph.value(latent.width), graph.value(latent.height));
  return [
    ['Size', own ?? (size && sizeText(size.width, size.height))],
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

/** Kinds of nodes that change a picture and are not read, by their names. */
const changing =
  /ControlNet|IPAdapter|T2IAdapter|FreeU|HyperTile|ToMe|PAG|PerturbedAttention|RescaleCFG|DynamicThreshold|FaceDetailer|Ultimate|UpscaleModel|LatentUpscale|Hypernetwork|DeepCache|Inpaint|Style|unCLIP/;

/** Inputs through which a sampler of several nodes gets its settings. */
const guides = ['guider', 'sigmas', 'sampler', 'noise', 'basic_pipe'] as const;

type Link = readonly [node: string, output: number];

function isLink(value: unknown): value is Link {
  return Array.isArray(value) && value.length === 2 && typeof value[1] === 'number';
}

/**
 * So many nodes and inputs are looked at, and so many letters taken; ways that double at every node lead to any number
 * of all.
 */
const maxVisits = 5000;
const maxInputs = 500_000;
const maxLetters = 2 ** 20;

class Graph {
  readonly #nodes: Json;
  /** Of each node that was visited. */
  readonly #sizes = new Map<string, number>();
  #visits = 0;
  #inputsSeen = 0;
  #letters = 0;

  constructor(nodes: Json) {
    this.#nodes = nodes;
  }

  /** The sampler that is fed by no other one. */
  firstSampler(): Json | undefined {
    const samplers = Object.keys(this.#nodes).flatMap((id) => {
      const node = this.#inputs(id);
      return node && isSampler(node) ? [node] : [];
    });
    return samplers.find((node) => !this.#follows(node.latent_image, isSampler, undefined)) ?? samplers[0];
  }

  /** `node` or the nearest node behind its inputs `through` that fits. */
  search(node: Json, fits: (node: Json) => boolean, through: readonly string[]): Json | undefined {
    if (fits(node)) return node;
    for (const name of through) {
      const found = this.#follows(node[name], fits, through);
      if (found) return found;
    }
    return undefined;
  }

  /** The value of the first of `keys` that the sampler or what guides it has. */
  setting(sampler: Json, keys: readonly string[]): unknown {
    const node = this.search(sampler, (inputs) => keys.some((key) => key in inputs), guides);
    return node && this.value(keys.map((key) => node[key]).find((value) => value !== undefined));
  }

  /** A number or text, be it the input itself or that of the node which a link leads to. */
  value(input: unknown): string | number | undefined {
    const seen = new Set<string>();
    let at = input;
    while (isLink(at) && !seen.has(at[0])) {
      seen.add(at[0]);
      const values = Object.values(this.#visit(at) ?? {});
      at = values.find((value) => isPlain(value)) ?? values.find(isLink);
    }
    return isPlain(at) ? at : undefined;
  }

  /** The text behind a conditioning; several are joined as A1111 writes it. */
  textOf(link: unknown, side: 'positive' | 'negative'): string {
    const node = isLink(link) ? this.#visit(link) : undefined;
    if (!node || this.#letters > maxLetters) return '';
    // Loaders that hold both prompts as text.
    const own = textOf(node[side]);
    if (own !== undefined) return this.#spend(plainNames(own));
    const texts = textInputs.flatMap((name) => this.#words(node[name]) ?? []);
    if (texts.length > 0) return this.#spend(plainNames([...new Set(texts)].join(', ')));
    const [a, b, joint] = jointsOf(node);
    if (joint !== undefined) return [this.textOf(a, side), this.textOf(b, side)].filter(Boolean).join(joint);
    if (isLink(node.positive) && isLink(node.negative)) return this.textOf(node[side], side);
    const further = Object.entries(node).find(([name, value]) => /^cond/.test(name) && isLink(value));
    return this.textOf(further?.[1] ?? onlyLink(node), side);
  }

  /** A text, be it the input itself or what the node behind it makes: texts joined, or drawn from lists. */
  #words(input: unknown): string | number | undefined {
    const node = isLink(input) ? this.#visit(input) : undefined;
    const drawn = textOf(node?.populated_text);
    if (drawn !== undefined) return drawn;
    const delimiter = textOf(node?.delimiter);
    if (!node || delimiter === undefined) return this.value(input);
    const parts = Object.entries(node).flatMap(([name, part]) =>
      name !== 'delimiter' && (typeof part === 'string' || isLink(part)) ? [this.#words(part)] : [],
    );
    return parts.filter((part) => part !== undefined && part !== '').join(delimiter);
  }

  /** What the kind of the node behind an input of the sampler stands for. */
  named(sampler: Json, input: string, kinds: Readonly<Record<string, string>>): string | undefined {
    const link = sampler[input];
    return isLink(link) ? kinds[this.#kind(link[0]) ?? ''] : undefined;
  }

  /** Of the VAE that a node asks for by name. */
  vaeName(): string | undefined {
    for (const id of Object.keys(this.#nodes).slice(0, maxVisits)) {
      const vae = textOf(this.#inputs(id)?.vae_name);
      if (vae !== undefined && this.#kind(id) === 'VAELoader') return baseName(vae);
    }
    return undefined;
  }

  /** Kinds of nodes that change pictures and are not read. */
  leftOut(): string | undefined {
    const ids = Object.keys(this.#nodes).slice(0, maxVisits);
    const kinds = ids.map((id) => this.#kind(id)).filter((kind) => kind !== undefined && changing.test(kind));
    return kinds.length > 0 ? [...new Set(kinds)].slice(0, 10).join(', ') : undefined;
  }

  #kind(id: string): string | undefined {
    return Object.hasOwn(this.#nodes, id) ? textOf(objectOf(this.#nodes[id])?.class_type)?.slice(0, 100) : undefined;
  }

  /** A tag for each LoRA between the sampler and its checkpoint. */
  loraTags(sampler: Json): string[] {
    const tags: string[] = [];
    this.search(
      sampler,
      (node) => {
        tags.push(...loraTagsOf(node));
        return modelNameOf(node) !== undefined;
      },
      ['guider', 'model', 'lora_stack'],
    );
    return tags;
  }

  /** Depth first behind a link; through every input where none is named. Stops at circles. */
  #follows(start: unknown, fits: (node: Json) => boolean, through: readonly string[] | undefined): Json | undefined {
    const seen = new Set<string>();
    const open = [start];
    while (open.length > 0) {
      const link = open.pop();
      if (!isLink(link) || seen.has(link[0])) continue;
      seen.add(link[0]);
      const node = this.#visit(link);
      if (node && fits(node)) return node;
      const links = Object.entries(node ?? {}).filter(([, value]) => isLink(value));
      const named = links.filter(([name]) => through?.includes(name) ?? true);
      // A node on the way, whatever its input is called: one that hands on what it gets.
      for (const [, value] of named.length > 0 || links.length > 1 ? named : links) open.push(value);
    }
    return undefined;
  }

  #spend(text: string): string {
    this.#letters += text.length;
    return this.#letters > maxLetters ? '' : text;
  }

  #visit([id]: Link): Json | undefined {
    if (++this.#visits > maxVisits) return undefined;
    const inputs = this.#inputs(id);
    if (!inputs) return undefined;
    const size = this.#sizes.get(id) ?? Object.keys(inputs).length;
    this.#sizes.set(id, size);
    this.#inputsSeen += size;
    return this.#inputsSeen > maxInputs ? undefined : inputs;
  }

  #inputs(id: string): Json | undefined {
    const node = Object.hasOwn(this.#nodes, id) ? objectOf(this.#nodes[id]) : undefined;
    return objectOf(node?.inputs);
  }
}

function isSampler(node: Json): boolean {
  return isLink(node.latent_image) && (isLink(node.positive) || isLink(node.guider) || isLink(node.basic_pipe));
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

const textInputs = ['text', 'text_g', 'text_l', 'clip_l', 't5xxl', 'prompt'] as const;

/** What ConditioningCombine and ConditioningConcat do has words in A1111's language. */
function jointsOf(node: Json): [first: unknown, second: unknown, joint: string | undefined] {
  const { conditioning_1: one, conditioning_2: two, conditioning_to: to, conditioning_from: from } = node;
  if (isLink(one) && isLink(two)) return [one, two, ' AND '];
  if (isLink(to) && isLink(from) && !('conditioning_to_strength' in node)) return [to, from, ' BREAK '];
  return [undefined, undefined, undefined];
}

function modelNameOf(node: Json): string | undefined {
  const name = textOf(node.ckpt_name) ?? textOf(node.unet_name);
  return name && baseName(name);
}

/** Of LoraLoader, of loaders that hold several as objects, and of stacks that number them. */
function loraTagsOf(node: Json): string[] {
  const one = { lora: node.lora_name, strength: node.strength_model ?? node.lora_model_strength, on: true };
  const numbered = Object.keys(node).flatMap((key): Json[] => {
    const [, number] = /^lora(?:_name)?_(\d+)$/.exec(key) ?? [];
    if (number === undefined || typeof node[key] !== 'string') return [];
    const weights = ['strength', 'lora_wt', 'model_str', 'model_weight', 'strength_model'];
    const strength = weights.map((name) => node[`${name}_${number}`]).find((value) => value !== undefined);
    return [{ lora: node[key], strength, on: node[`switch_${number}`] !== 'Off' }];
  });
  const several = [one, ...numbered, ...Object.values(node).map(objectOf)].filter((value) => value !== undefined);
  return several.flatMap(({ lora, strength, on }: Json) => (on === false ? [] : (loraTag(lora, strength) ?? [])));
}

/** Of a node with no other link. */
function onlyLink(node: Json): Link | undefined {
  const links = Object.values(node).filter(isLink);
  return links.length === 1 ? links[0] : undefined;
}

/** A1111 knows an embedding by its name alone. */
function plainNames(text: string): string {
  return text.replace(/\bembedding:([^\s,:()]+)/g, (_, name: string) => baseName(name));
}

/** Some nodes write NaN, which JSON has no word for. */
function withoutNaN(text: string | undefined): string | undefined {
  return text?.replace(/([:[,]\s*)NaN(?=\s*[,\]}])/g, '$1null');
}
