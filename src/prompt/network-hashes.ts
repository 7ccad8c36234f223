/**
 * Networks that an infotext names with their hashes, and the text with other names for them: whoever has the file under
 * another name draws with it all the same.
 *
 * Forms: A1111's `Lora hashes: "name: 0123456789ab, ..."`, `TI hashes`, the same of hypernetworks, and Civitai's
 * `Hashes: {"lora:name": "0123456789", "embed:name": ...}`.
 */

import { SPACE } from './characters.ts';
import { parseInfotext } from './infotext.ts';

export const networkKinds = ['lora', 'embedding', 'hypernetwork'] as const;
export type NetworkKind = (typeof networkKinds)[number];

export interface NamedHash {
  readonly kind: NetworkKind;
  readonly name: string;
  /** Hexadecimal digits, small. */
  readonly hash: string;
}

const listKeys: Readonly<Record<string, NetworkKind>> = {
  'Lora hashes': 'lora',
  'TI hashes': 'embedding',
  'Hypernet hashes': 'hypernetwork',
};
const civitaiKinds: Readonly<Record<string, NetworkKind>> = {
  lora: 'lora',
  embed: 'embedding',
  hypernet: 'hypernetwork',
};
/** Kinds of tags in prompts that name a network; embeddings are named by their words. */
const tagKinds: Readonly<Record<NetworkKind, readonly string[]>> = {
  lora: ['lora', 'lyco'],
  embedding: [],
  hypernetwork: ['hypernet'],
};

const HASH = new RegExp(`^[${SPACE}]*([0-9a-fA-F]{6,64})[${SPACE}]*$`, 'u');

/** JSON has commas, at which other values of an infotext end. */
const CIVITAI = /(?:^|, )Hashes: (\{[^{}]*\})/mu;

export function networkHashes(infotext: string, parsed = parseInfotext(infotext)): NamedHash[] {
  const listed = Object.entries(listKeys).flatMap(([key, kind]) =>
    String(parsed[key] ?? '')
      .split(',')
      .flatMap((entry) => listedHash(kind, entry)),
  );
  return [...listed, ...civitaiHashes(CIVITAI.exec(infotext)?.[1] ?? '')];
}

/** Of `name: hash`, a part between commas: one pattern for all of them would search from each letter to the end. */
function listedHash(kind: NetworkKind, entry: string): NamedHash[] {
  const colon = entry.lastIndexOf(':');
  const name = entry.slice(entry.lastIndexOf(':', colon - 1) + 1, Math.max(0, colon));
  const hash = HASH.exec(entry.slice(colon + 1))?.[1];
  return name.trim() === '' || hash === undefined ? [] : [named(kind, name, hash)];
}

function named(kind: NetworkKind, name: string, hash: string): NamedHash {
  return { kind, name: name.trim(), hash: hash.toLowerCase() };
}

function civitaiHashes(json: string): NamedHash[] {
  let table: unknown;
  try {
    table = JSON.parse(json);
  } catch {
    return [];
  }
  if (typeof table !== 'object' || table === null) return [];
  return Object.entries(table).flatMap(([key, hash]) => {
    const [, prefix = '', name = ''] = /^(\w+):(.+)$/su.exec(key) ?? [];
    const kind = Object.hasOwn(civitaiKinds, prefix) ? civitaiKinds[prefix] : undefined;
    return kind && typeof hash === 'string' && /^[0-9a-f]{6,64}$/i.test(hash) ? [named(kind, name, hash)] : [];
  });
}

/** The prompt with another name for a network. */
export function renameNetwork(prompt: string, { kind, name }: Pick<NamedHash, 'kind' | 'name'>, to: string): string {
  const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const kinds = tagKinds[kind];
  if (kinds.length > 0) {
    return prompt.replaceAll(
      new RegExp(`(<(?:${kinds.join('|')}):)${quoted}(?=[:>])`, 'gu'),
      (_, start: string) => start + to,
    );
  }
  return prompt.replaceAll(new RegExp(`(?<![\\p{L}\\p{N}_])${quoted}(?![\\p{L}\\p{N}_])`, 'giu'), () => to);
}
