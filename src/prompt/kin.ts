/**
 * Infotext of programs that write A1111's with keys of their own: SD.Next (`Sampler sigma`, `Hires scale`) and Fooocus
 * with A1111's scheme (`Scheduler`, `Lora weights`, a VAE called `Default (model)`; modules/meta_parser.py).
 */

import type { ParsedInfotext } from './infotext.ts';

/** Their keys, and A1111's for the same. */
const keys: readonly (readonly [theirs: string, ours: string])[] = [
  ['Scheduler', 'Schedule type'],
  ['Sampler sigma', 'Schedule type'],
  ['Hires scale', 'Hires upscale'],
];

const loraWeights = 'Lora weights';

/** Keys of theirs that are read. */
export const kinKeys: readonly string[] = [...keys.map(([theirs]) => theirs), loraWeights];

/** In A1111's keys; what it says in them already stays. */
export function withKinKeys(parsed: ParsedInfotext): ParsedInfotext {
  const read: Record<string, ParsedInfotext[string]> = { ...parsed };
  for (const [theirs, ours] of keys) {
    const isOpen = read[ours] === undefined || read[ours] === 'Automatic';
    if (parsed[theirs] !== undefined && isOpen) read[ours] = parsed[theirs];
  }
  if (/^default \(model\)$/i.test(String(parsed.VAE ?? ''))) delete read.VAE;
  const tags = lorasOf(parsed).filter(
    (tag) => !String(parsed.Prompt ?? '').includes(tag.slice(0, tag.lastIndexOf(':'))),
  );
  if (tags.length > 0) read.Prompt = [parsed.Prompt, ...tags].filter(Boolean).join(' ');
  return read;
}

/** `ink: 0.5, wash: 1` */
function lorasOf(parsed: ParsedInfotext): string[] {
  const pairs = String(parsed[loraWeights] ?? '')
    .replaceAll('"', '')
    .split(',');
  return pairs.flatMap((pair) => {
    const [, name, weight] = /^\s*(.+?): (-?[\d.]+)\s*$/.exec(pair) ?? [];
    return name === undefined ? [] : [`<lora:${name}:${weight}>`];
  });
}
