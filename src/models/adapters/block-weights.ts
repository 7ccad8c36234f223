/**
 * Block weights: a factor for each block of the U-Net and one (BASE) for the text encoders, as the LoRA Block Weight
 * extension takes them: `lbw=1,0,0,...` or the name of a list, such as `lbw=OUTD`.
 *
 * Source: hako-mikan/sd-webui-lora-block-weight, scripts/lora_block_weight.py (names of blocks, lengths, presets): what
 * a list has no number for gets 0, what lies in no block (time embedding, last convolution) 1. Left out: random
 * numbers, starts and stops, elements, the lists of other networks.
 */

import { UserError } from '#core/errors';
import type { AdaptedModule } from './modules.ts';

const numbered = (kind: string, numbers: readonly number[]): string[] =>
  numbers.map((i) => `${kind}${String(i).padStart(2, '0')}`);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const withTransformer = [1, 2, 4, 5, 7, 8];

/** Blocks of a list, by its length: SD 1 and 2, where blocks without a transformer may be left out; the same of SDXL. */
const layouts: ReadonlyMap<number, readonly string[]> = new Map(
  [
    ['BASE', ...numbered('IN', withTransformer), 'M00', ...numbered('OUT', upTo(12).slice(3))],
    ['BASE', ...numbered('IN', upTo(12)), 'M00', ...numbered('OUT', upTo(12))],
    ['BASE', ...numbered('IN', withTransformer.slice(2)), 'M00', ...numbered('OUT', upTo(6))],
    ['BASE', ...numbered('IN', upTo(9)), 'M00', ...numbered('OUT', upTo(9))],
  ].map((blocks) => [blocks.length, blocks]),
);

/** Blocks of 17 that are 1; the others are 0. */
const presets: Readonly<Record<string, readonly number[]>> = {
  NONE: [],
  ALL: upTo(17),
  INS: [0, 1, 2, 3],
  IND: [0, 4, 5, 6],
  INALL: [0, 1, 2, 3, 4, 5, 6],
  MIDD: [0, 4, 5, 6, 7, 8, 9, 10, 11],
  OUTD: [0, 8, 9, 10, 11],
  OUTS: [0, 12, 13, 14, 15, 16],
  OUTALL: [0, 8, 9, 10, 11, 12, 13, 14, 15, 16],
};

/** @throws UserError for a list of another length, or of other things than numbers */
export function blockWeights(text: string): (module: AdaptedModule) => number {
  const preset = Object.hasOwn(presets, text) ? presets[text] : undefined;
  const values = preset ? upTo(17).map((i) => Number(preset.includes(i))) : text.split(',').map(numberOf);
  const blocks = layouts.get(values.length);
  if (!blocks || !values.every(Number.isFinite)) {
    const lengths = [...layouts.keys()].sort((a, b) => a - b).join(', ');
    const message = `lbw takes ${lengths} numbers or one of ${Object.keys(presets).join(', ')}; got ${JSON.stringify(text.slice(0, 100))}.`;
    throw new UserError('adapter.block-weights', message);
  }
  const byBlock = new Map(blocks.map((block, i) => [block, values[i]!]));
  return (module) => {
    const block = blockOf(module);
    return block === undefined ? 1 : (byBlock.get(block) ?? 0);
  };
}

function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** Of latent diffusion's own count of blocks, three a level. */
function blockOf({ name, component }: AdaptedModule): string | undefined {
  if (component.startsWith('text_encoder')) return 'BASE';
  const path = name.slice(component.length + 1);
  if (path.startsWith('conv_in')) return 'IN00';
  if (path.startsWith('mid_block.')) return 'M00';
  const [, way, level, part, index] = /^(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)/.exec(path) ?? [];
  if (way === undefined) return undefined;
  const within = part === 'downsamplers' || part === 'upsamplers' ? 2 : Number(index);
  const block = 3 * Number(level) + within + (way === 'down' ? 1 : 0);
  return numbered(way === 'down' ? 'IN' : 'OUT', [block])[0];
}
