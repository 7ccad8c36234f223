/** The graph that ComfyUI ran: nodes by id and the links between them, walked within bounds. Source: see comfyui.ts. */

import { baseName, type Json, loraTag, objectOf, textOf } from './dialect.ts';

/** Kinds of nodes that change a picture and are not read, by their names. */
const changing =
  /ControlNet|IPAdapter|T2IAdapter|FreeU|HyperTile|ToMe|PAG|PerturbedAttention|RescaleCFG|DynamicThreshold|FaceDetailer|Ultimate|UpscaleModel|LatentUpscale|Hypernetwork|DeepCache|ModelSampling|SelfAttentionGuidance|Inpaint|Style|unCLIP/;

/** Inputs through which a sampler of several nodes gets its settings. */
export const guides = ['guider', 'sigmas', 'sampler', 'noise', 'basic_pipe'] as const;

export type Link = readonly [node: string, output: number];

export function isLink(value: unknown): value is Link {
  return Array.isArray(value) && value.length === 2 && typeof value[1] === 'number';
}

/**
 * So many nodes and inputs are looked at, and so many letters taken; ways that double at every node lead to any number
 * of all.
 */
const maxVisits = 5000;
const maxInputs = 500_000;
const maxLetters = 2 ** 20;
/** Of nodes behind each other that a text comes through. */
const maxDepth = 200;

export class Graph {
  readonly #nodes: Json;
  /** Of each node that was visited. */
  readonly #sizes = new Map<string, number>();
  readonly #taken = new Set<Json>();
  readonly #left = new Set<string>();
  #visits = 0;
  #inputsSeen = 0;
  #letters = 0;

  constructor(nodes: Json) {
    this.#nodes = nodes;
  }

  samplers(): Json[] {
    return Object.keys(this.#nodes).flatMap((id) => {
      const node = this.#inputs(id);
      return node && isSampler(node) ? [node] : [];
    });
  }

  /** The sampler that is fed by no other one. */
  firstSampler(): Json | undefined {
    const samplers = this.samplers();
    return samplers.find((node) => !this.#follows(node.latent_image, isSampler, undefined)) ?? samplers[0];
  }

  /** The nodes on the way back from a sampler's latent to another sampler, the nearest first; undefined where none leads there. */
  between(later: Json, earlier: Json): Json[] | undefined {
    const way = new Map<Json, Json | undefined>();
    const open: (readonly [link: unknown, from: Json | undefined])[] = [[later.latent_image, undefined]];
    while (open.length > 0) {
      const [link, from] = open.shift()!;
      const node = isLink(link) ? this.#visit(link) : undefined;
      if (!node || way.has(node)) continue;
      way.set(node, from);
      if (node === earlier) return wayTo(from, way);
      if (!isSampler(node)) for (const next of Object.values(node)) if (isLink(next)) open.push([next, node]);
    }
    return undefined;
  }

  at(link: unknown): Json | undefined {
    return isLink(link) ? this.#visit(link) : undefined;
  }

  kindOf(link: unknown): string | undefined {
    return isLink(link) ? this.#kind(link[0]) : undefined;
  }

  /** Notes that a node was read after all. */
  take(node: Json): void {
    this.#taken.add(node);
  }

  /** Notes that something was not. */
  leave(what: string): void {
    this.#left.add(what);
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
  textOf(link: unknown, side: 'positive' | 'negative', depth = 0): string {
    const node = isLink(link) ? this.#visit(link) : undefined;
    if (!node || depth > maxDepth || this.#letters > maxLetters) return '';
    const behind = (next: unknown): string => this.textOf(next, side, depth + 1);
    // Loaders that hold both prompts as text.
    const own = textOf(node[side]);
    if (own !== undefined) return this.#spend(plainNames(own));
    const texts = textInputs.flatMap((name) => this.#words(node[name]) ?? []);
    if (texts.length > 0) return this.#spend(plainNames([...new Set(texts)].join(', ')));
    const [a, b, joint] = jointsOf(node);
    if (joint !== undefined) return [behind(a), behind(b)].filter(Boolean).join(joint);
    if (isLink(node.positive) && isLink(node.negative)) return behind(node[side]);
    const further = Object.entries(node).find(([name, value]) => /^cond/.test(name) && isLink(value));
    return behind(further?.[1] ?? onlyLink(node));
  }

  /** A text, be it the input itself or what the node behind it makes: texts joined, or drawn from lists. */
  #words(input: unknown, depth = 0): string | number | undefined {
    const node = isLink(input) && depth <= maxDepth ? this.#visit(input) : undefined;
    const drawn = textOf(node?.populated_text);
    if (drawn !== undefined) return drawn;
    const delimiter = textOf(node?.delimiter);
    if (!node || delimiter === undefined) return this.value(input);
    const parts = Object.entries(node).flatMap(([name, part]) =>
      name !== 'delimiter' && (typeof part === 'string' || isLink(part)) ? [this.#words(part, depth + 1)] : [],
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

  /** Kinds of nodes that change pictures and are not read, and what else was not. */
  leftOut(): string | undefined {
    const ids = Object.keys(this.#nodes).slice(0, maxVisits);
    const kinds = ids.flatMap((id) => {
      const kind = this.#kind(id);
      const inputs = this.#inputs(id);
      return kind !== undefined && changing.test(kind) && !(inputs && this.#taken.has(inputs)) ? [kind] : [];
    });
    const all = new Set([...kinds, ...this.#left]);
    return all.size > 0 ? [...all].slice(0, 10).join(', ') : undefined;
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

/** From a node on, by where each was come from. */
function wayTo(last: Json | undefined, way: ReadonlyMap<Json, Json | undefined>): Json[] {
  const nodes: Json[] = [];
  for (let node = last; node; node = way.get(node)) nodes.push(node);
  return nodes.reverse();
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

export function modelNameOf(node: Json): string | undefined {
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
