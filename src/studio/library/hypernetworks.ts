/** Hypernetwork files of the library, found by what prompts call them and opened for the model that is loaded. */

import { stat } from 'node:fs/promises';
import { contextWidths } from '#models/hypernetworks/apply';
import { type Hypernetwork, readHypernetwork } from '#models/hypernetworks/read';
import type { LoadedCheckpoint } from '#models/load';
import { ModelFileError } from '#models/model-error';
import { openTensorFile } from '#models/tensor-file';
import type { FoundHypernetwork, PipelineModel } from '#pipelines/model';
import { nodeModelFiles } from '../files/model-files.ts';
import { findCalled } from './find.ts';
import { hashModel } from './hash.ts';
import { scanModels } from './scan.ts';

export function hypernetworkOpener(
  { family, parts }: LoadedCheckpoint,
  roots: readonly string[],
): NonNullable<PipelineModel['openHypernetwork']> {
  let last: { readonly id: string; readonly found: FoundHypernetwork } | undefined;
  let widths: ReadonlySet<number> | undefined;
  return async (name) => {
    const files = (await scanModels(roots)).filter(({ kind }) => kind === 'hypernetwork');
    const path = findCalled(files, name)?.path;
    if (path === undefined) return undefined;
    const { ino, size, mtimeMs } = await stat(path);
    const id = `${path} ${ino} ${size} ${mtimeMs}`;
    if (last?.id === id) return last.found;
    const network = await readHypernetwork(nodeModelFiles, await openTensorFile(nodeModelFiles, path), id);
    widths ??= contextWidths(parts.denoiser.graph());
    checkWidths(network, widths, family.title, path);
    const found = { network, hash: (await hashModel(path)).sha256.slice(0, 10) };
    last = { id, found };
    return found;
  };
}

function checkWidths({ pairs }: Hypernetwork, widths: ReadonlySet<number>, title: string, path: string): void {
  const own = [...pairs.keys()];
  if (own.some((width) => widths.has(width))) return;
  const wanted = [...widths].sort((a, b) => a - b).join(', ');
  const message = `it is for contexts ${own.join(', ')} wide, and those of this model (${title}) are ${wanted}`;
  throw new ModelFileError('hypernetwork-family', `${message}. Take one made for ${title}.`, path);
}
