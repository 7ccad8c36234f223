/** The tensors of the files of published models. */

import { type SingleFileTensor, singleFileTensors } from '#models/ldm/family';
import { sd15 } from '#models/sd1/config';
import { sd1SingleFile } from '#models/sd1/family';
import { publishedBase } from '#models/sdxl/config';
import { sdxl } from '#models/sdxl/family';

export type PublishedModel = 'sd15' | 'sdxl';

/** Every tensor of a single file in the original layout. */
export const tensorsOf = {
  sd15: () => sd1SingleFile(sd15),
  sdxl: () => stacked(singleFileTensors(sdxl.parameters(publishedBase), sdxl.singleFile!(publishedBase))),
} satisfies Record<PublishedModel, unknown>;

/** OpenCLIP keeps queries, keys and values in one tensor. */
function stacked(tensors: readonly SingleFileTensor[]): SingleFileTensor[] {
  const found = new Map<string, SingleFileTensor>();
  for (const tensor of tensors) {
    const [rows = 0] = found.get(tensor.name)?.shape ?? [];
    found.set(tensor.name, { ...tensor, shape: [rows + tensor.shape[0]!, ...tensor.shape.slice(1)] });
  }
  return [...found.values()];
}
