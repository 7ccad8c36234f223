/** Keys and values of a picture's prompt, a row for each pass and image of a call. */

import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { imageKeyName, imageValueName } from '#models/adjust/image-prompt';
import type { ControlledPass } from './step-control.ts';

/** Outputs of the adapter's graph [1, n, c], for the picture and for none. */
export interface ImagePrompt {
  readonly positive: Readonly<Record<string, HostTensor>>;
  readonly negative: Readonly<Record<string, HostTensor>>;
}

/** `strength`: of a layer, as a factor on its values. */
export function imagePromptFeeds(
  prompt: number,
  layers: number,
  { positive, negative }: ImagePrompt,
  passes: readonly ControlledPass[],
  images: number,
  strength: (layer: number) => number,
): Feeds {
  const feeds: Record<string, HostTensor> = {};
  const rows = passes.flatMap((pass) => Array.from({ length: images }, () => (pass.negative ? negative : positive)));
  for (let layer = 0; layer < layers; layer++) {
    // The graph was made for the first prompt.
    feeds[imageKeyName(prompt, layer)] = stacked(rows.map((of) => of[imageKeyName(0, layer)]!));
    const values = stacked(rows.map((of) => of[imageValueName(0, layer)]!));
    const factor = strength(layer);
    if (factor !== 1) for (let i = 0; i < values.data.length; i++) values.data[i]! *= factor;
    feeds[imageValueName(prompt, layer)] = values;
  }
  return feeds;
}

type Floats = ReturnType<typeof f32>;

/** [1, ...] each -> [rows, ...] */
function stacked(rows: readonly HostTensor[]): Floats & { data: Float32Array } {
  const [first] = rows as [HostTensor];
  const out = new Float32Array(rows.length * first.data.length);
  for (const [i, row] of rows.entries()) out.set(toF32(row), i * first.data.length);
  return f32([rows.length, ...first.shape.slice(1)], out);
}
