/** What a prompt can be completed with, from what is typed before the cursor: networks, embeddings, trigger words, word lists. */

import type { WireModel } from '#server/native/wire';

export interface Candidate {
  readonly label: string;
  /** What is written in the place of what was typed. */
  readonly text: string;
  /** The kind of model, or `wildcard`. */
  readonly kind: string;
  /** What it belongs to; of trigger words their model. */
  readonly detail: string;
  /** Model whose picture shows what it does. */
  readonly preview: string | undefined;
}

/** How a model of each kind is called in a prompt; other kinds have no place in one. */
const calls: Readonly<Record<string, (model: WireModel) => string>> = {
  lora: ({ name, card }) => `<lora:${lastName(name)}:${card.preferredWeight ?? 1}>`,
  hypernetwork: ({ name }) => `<hypernet:${lastName(name)}:1>`,
  embedding: ({ name }) => lastName(name),
};

/** Without folders, as prompts call networks. */
function lastName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Networks that a prompt calls by what is no part of a file's name; the server also knows trainers' names for them. */
export function missingNetworks(prompt: string, models: readonly WireModel[]): string[] {
  const called = [...prompt.matchAll(/<(?:lora|lyco|hypernet):([^:<>]+)/gi)].map(([, name]) => name!.trim());
  const known = models
    .filter(({ kind }) => kind === 'lora' || kind === 'hypernetwork')
    .map(({ name }) => name.toLowerCase());
  return [...new Set(called)].filter((name) => !known.some((text) => text.includes(lastName(name).toLowerCase())));
}

export function candidatesOf(models: readonly WireModel[], wildcards: readonly string[]): Candidate[] {
  const networks = models.flatMap((model) => {
    const call = model.problem === undefined ? calls[model.kind] : undefined;
    if (!call) return [];
    const preview = model.hasPreview ? model.id : undefined;
    const name = lastName(model.name);
    const itself = { label: name, text: call(model), kind: model.kind, detail: model.about, preview };
    const triggers = (model.card.triggerWords ?? []).map((word) => ({
      label: word,
      text: word,
      kind: model.kind,
      detail: name,
      preview,
    }));
    return [itself, ...triggers];
  });
  const lists = wildcards.map((name) => ({
    label: `__${name}__`,
    text: `__${name}__`,
    kind: 'wildcard',
    detail: '',
    preview: undefined,
  }));
  return [...networks, ...lists];
}

export interface Typed {
  readonly from: number;
  readonly text: string;
}

const shortest = 2;

/** The word that ends at the cursor; an opening `<` or `__` belongs to it. Undefined when too little was typed. */
export function typedAt(text: string, cursor: number): Typed | undefined {
  const before = text.slice(0, cursor);
  const [word] = /(?:<[^<>\n]*|__[^\s,]*|[^\s,()[\]|:<>]+)$/.exec(before) ?? [''];
  const opens = word.startsWith('<') || word.startsWith('__');
  return word.length >= (opens ? 1 : shortest) ? { from: cursor - word.length, text: word } : undefined;
}

const most = 12;

/** Those that begin with what is typed first, then those that hold it. */
export function completions(typed: Typed, candidates: readonly Candidate[]): Candidate[] {
  const network = typed.text.startsWith('<');
  const wanted = typed.text.replace(/^<(?:\w+:)?/, '').toLowerCase();
  const fit = candidates
    .filter(({ text }) => !network || text.startsWith('<'))
    .map((candidate) => ({ candidate, at: candidate.label.toLowerCase().indexOf(wanted) }))
    .filter(({ at, candidate }) => at >= 0 && candidate.text !== typed.text);
  fit.sort((a, b) => Math.min(a.at, 1) - Math.min(b.at, 1) || a.candidate.label.localeCompare(b.candidate.label));
  return fit.slice(0, most).map(({ candidate }) => candidate);
}

/** The text with the candidate in the place of what was typed, and where the cursor stands then. */
export function completed(
  text: string,
  typed: Typed,
  candidate: Candidate,
): { readonly text: string; readonly cursor: number } {
  const after = text
    .slice(typed.from + typed.text.length)
    .replace(/^>/, (end) => (candidate.text.endsWith('>') ? '' : end));
  return { text: text.slice(0, typed.from) + candidate.text + after, cursor: typed.from + candidate.text.length };
}
