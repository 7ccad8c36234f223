/** Finds a model by what people call it, as A1111 does, and names the nearest when there is none. */

import { basename } from 'node:path';
import type { LibraryModel } from './model.ts';
import { modelStem } from './scan.ts';

/** What a model may be called by. */
export interface Findable {
  /** Below its kind's folder, without extension. */
  readonly name: string;
  readonly path: string;
  readonly id?: string;
  readonly title?: string;
  readonly sha256?: string;
  readonly shortHash?: string;
  readonly autoV3?: string;
  readonly legacyHash?: string;
}

const bracketedHash = /^(.*?) ?\[([0-9a-f]{4,64})\]$/i;

/**
 * As `findCalled`; otherwise a part of the title, the shortest first.
 * @param tell is told when what was found may not be what was meant
 */
export function findModel<M extends Findable>(
  models: readonly M[],
  wanted: string,
  tell: (warning: string) => void = () => {},
): M | undefined {
  const found = findCalled(models, wanted);
  const { name, hash } = partsOf(wanted);
  const shown = JSON.stringify(wanted.slice(0, 200));
  if (found) {
    const isOther = hash !== undefined && hashes(found).length > 0 && !hasHash(found, hash);
    if (isOther) tell(`No file of the hash in ${shown} is here; ${found.name} was taken, which has another.`);
    return found;
  }
  const text = name.toLowerCase();
  if (text === '') return undefined;
  const [part] = models
    .filter((model) => titleOf(model).toLowerCase().includes(text))
    .sort((a, b) => titleOf(a).length - titleOf(b).length);
  if (part) tell(`Nothing is called ${shown}; ${part.name} was taken, whose name has that in it.`);
  return part;
}

/**
 * Exact by id, path, name, title, file name or hash; then the same whatever the case and between spaces, hyphens and
 * underscores. What prompts name is found by this alone: a part of a name is another network.
 */
export function findCalled<M extends Findable>(models: readonly M[], wanted: string): M | undefined {
  const { name, hash } = partsOf(wanted);
  if (hash !== undefined) return findHashed(models, name, hash);
  if (name === '') return undefined;
  const exact = models.find((model) => aliases(model).includes(name));
  if (exact) return exact;
  const key = canonical(name);
  return models.find((model) => canonicalAliases(model).includes(key));
}

/** `name.safetensors [0123456789]`, as A1111 shows it: the file of that hash, of several the one called so. */
function findHashed<M extends Findable>(models: readonly M[], name: string, hash: string): M | undefined {
  const hashed = models.filter((model) => hasHash(model, hash));
  if (name === '') return hashed[0];
  // A hash of somebody else's file of that name, or one that is not computed yet.
  return findModel(hashed, name) ?? hashed[0] ?? findCalled(models, name);
}

/** `name [hash]`, as A1111 writes titles; the hash in small letters. */
function partsOf(wanted: string): { readonly name: string; readonly hash?: string } {
  const text = wanted.trim().replaceAll('\\', '/');
  const [, name = text, hash] = bracketedHash.exec(text) ?? [];
  return { name, hash: hash?.toLowerCase() };
}

function hasHash(model: Findable, hash: string): boolean {
  return hashes(model).some((known) => known.startsWith(hash));
}

/** Of models that have been looked for; each job asks for one, among thousands. */
const known = { exact: new WeakMap<Findable, string[]>(), canonical: new WeakMap<Findable, string[]>() };

function aliases(model: Findable): readonly string[] {
  const those = known.exact.get(model) ?? aliasesOf(model);
  known.exact.set(model, those);
  return those;
}

function canonicalAliases(model: Findable): readonly string[] {
  const those = known.canonical.get(model) ?? [...new Set(aliases(model).map(canonical))];
  known.canonical.set(model, those);
  return those;
}

function aliasesOf(model: Findable): string[] {
  const { id, path, name, title } = model;
  const file = basename(path);
  const stem = modelStem(file);
  const names = [id, path, name, title, file, stem, `${name}${file.slice(stem.length)}`, flat(name)];
  return [...new Set([...names.filter((alias) => alias !== undefined), ...hashes(model)])];
}

function hashes({ sha256, shortHash, autoV3, legacyHash }: Findable): string[] {
  return [sha256, shortHash, autoV3, legacyHash].filter((hash) => hash !== undefined);
}

/** A1111's `model_name`. */
export const flat = (name: string): string => name.replaceAll('/', '_');

const titleOf = ({ title, name }: Findable): string => title ?? name;
const canonical = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]+/g, '');

/** Names most like `wanted`, for a message. */
export function nearestNames(models: readonly Findable[], wanted: string, count = 3): string[] {
  const text = wanted.toLowerCase().slice(0, 100);
  return alike(models, text)
    .map((model) => ({ name: model.name, distance: editDistance(text, model.name.toLowerCase().slice(0, 100)) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}

/** Of many those that share most pairs of letters with it: distances are long work. */
function alike(models: readonly Findable[], text: string): readonly Findable[] {
  if (models.length <= mostCompared) return models;
  const pairs = new Set(pairsOf(text));
  const shared = models.map((model) => {
    const name = model.name.toLowerCase().slice(0, 100);
    return { model, count: pairsOf(name).filter((pair) => pairs.has(pair)).length, length: name.length };
  });
  const order = shared.sort((a, b) => b.count - a.count || a.length - b.length);
  return order.slice(0, mostCompared).map(({ model }) => model);
}

const mostCompared = 100;

const pairsOf = (text: string): string[] =>
  Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => text.slice(at, at + 2));

/** Levenshtein distance, two rows at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replace, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous.at(-1)!;
}

/** Each of them in the title or in what is written about it; in small letters. */
export function hasWords(model: LibraryModel, words: readonly string[]): boolean {
  const { card } = model;
  const texts = [model.title, card.description, card.baseModel, ...(card.triggerWords ?? []), ...(card.tags ?? [])];
  const text = texts.filter(Boolean).join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}
