/** Every way to make a model file of others, for the command line and for jobs: a row for each kind of such work. */

import path from 'node:path';
import type { JobRequests } from '#api/records/job';
import type { ModelWorkKind } from '#api/records/model-work';
import { UserError } from '#core/errors';
import { convertModel, layoutOf } from '../convert/convert.ts';
import { findModelFile } from '../library/open-model.ts';
import { extractLora } from './extract.ts';
import { mergeModels } from './merge.ts';

/** Models by name or path. */
export type MakeRequest<K extends ModelWorkKind> = Omit<JobRequests[K], 'name'>;

export interface MakeContext {
  /** File or folder to write, absolute. */
  readonly to: string;
  /** Where models are looked for. */
  readonly roots: readonly string[];
  /** Lets a file be replaced. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Made {
  readonly bytes: number;
  /** What whoever asked should know of the result, one sentence each. */
  readonly notes: readonly string[];
}

/** Undefined: it was stopped, and nothing was written. */
type Maker<K extends ModelWorkKind> = (request: MakeRequest<K>, context: MakeContext) => Promise<Made | undefined>;

export const modelMakers: { readonly [K in ModelWorkKind]: Maker<K> } = {
  merge: mergeModels,
  convert,
  extract: extractLora,
};

async function convert(
  { model, layout: asked, dtype, ema }: MakeRequest<'convert'>,
  { to, roots, ...options }: MakeContext,
): Promise<Made | undefined> {
  const from = await findModelFile('model', model, roots);
  if (path.resolve(from) === to)
    throw new UserError('convert.itself', 'A model is not written over itself; give another target.');
  const layout = asked ?? layoutOf(to);
  const form = dtype ?? (layout === 'gguf' ? 'q8_0' : 'f16');
  const made = await convertModel({ from, to, layout, form, weights: ema ? 'ema' : 'plain' }, options);
  return made && { bytes: made.bytes, notes: made.notes };
}
