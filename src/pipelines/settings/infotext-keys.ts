/**
 * Keys of infotext that are no settings here: what asks for a part that is not there, what only tells, and the rest.
 * With the settings' own keys this is every key that the web UI writes.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1 (processing.py, the bundled extensions, infotext_utils.py).
 */

import { type ParsedInfotext, parseInfotext, readPairs } from '#prompt/infotext';
import { kinKeys } from '#prompt/kin';
import { settingRows } from './index.ts';

interface OtherKey {
  readonly key: RegExp;
  /** The part it asks for. */
  readonly part?: string;
  /** Values that ask for nothing. */
  readonly unless?: readonly string[];
}

const otherKeys: readonly OtherKey[] = [
  { key: /^First pass size$/, part: 'A first pass of its own size', unless: ['0x0'] },
  { key: /^Refiner /, unless: ['False'] },
  { key: /^Soft inpainting/, part: 'Soft inpainting', unless: ['False'] },
  { key: /^ADetailer model/, part: 'ADetailer', unless: ['None'] },
  { key: /^FP8 weight$/, part: 'Weights of 8 bits', unless: ['Disable'] },
];

/** Networks that a prompt named and that did not act; why is told with the picture, not in it. */
export const leftOutKey = 'Left out';

/** Said for people and for finding files; nothing acts on them. */
const toldOnly: readonly RegExp[] = [
  new RegExp(`^${leftOutKey}$`),
  /^(?:Model|Model hash|VAE|VAE hash|Lora hashes|TI hashes|Hashes|Version|User|App|Init image hash|Parser|Pipeline)$/,
  /^(?:Hypernet|Hypernet strength|Hypernet hashes|Cache FP16 weight for LoRA|Batch size|Batch pos|Denoising strength|Style|Template)$/,
];

export interface InfotextReport {
  /** Parts that the text asks for and that are not there. */
  readonly missing: readonly string[];
  /** Keys that nothing acts on. */
  readonly unheeded: readonly string[];
}

/** What an infotext says that no setting reads. */
export function reportInfotext(text: string, parsed = parseInfotext(text)): InfotextReport {
  const own = new Set([...settingRows.flatMap(([, { infotext }]) => infotext?.keys ?? []), ...kinKeys]);
  const missing = new Set<string>();
  const unheeded = new Set<string>();
  for (const [key, value] of statedPairs(text, parsed)) {
    if (own.has(key) || toldOnly.some((pattern) => pattern.test(key))) continue;
    const row = otherKeys.find(({ key: pattern }) => pattern.test(key));
    if (row?.unless?.includes(value)) continue;
    if (row?.part) missing.add(row.part);
    else unheeded.add(key);
  }
  return { missing: [...missing], unheeded: [...unheeded] };
}

/** What the text itself says, without the parser's defaults. */
function statedPairs(text: string, parsed: ParsedInfotext): [string, string][] {
  if (parsed['Steps'] === undefined) return [];
  return readPairs(text.trim().split('\n').at(-1)!).map(([key, value]) => [key, value.replace(/^"(.*)"$/u, '$1')]);
}
