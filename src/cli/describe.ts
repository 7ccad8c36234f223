/** What a model file is, from its header: kind, family, parts, metadata. */

import { describeFile, type FileDescription } from '#models/detect';
import { embeddedConfigKey } from '#models/load';
import { type ModelSource, openModelSource } from '#models/model-source';
import { nodeModelFiles } from '#studio/files/model-files';

export interface DescribedSource {
  readonly source: ModelSource;
  readonly description: FileDescription;
}

/** @throws UserError for a file that is none of tensors */
export async function describeSource(path: string): Promise<DescribedSource> {
  const source = await openModelSource(nodeModelFiles, path);
  return { source, description: describeFile(source.tensors, toldFamily(source.metadata[embeddedConfigKey])) };
}

/** The family that a file's own configuration states. */
function toldFamily(config: string | undefined): string | undefined {
  if (config === undefined) return undefined;
  try {
    const { family } = JSON.parse(config) as { family?: unknown };
    return typeof family === 'string' ? family : undefined;
  } catch {
    // Loading it says what is wrong with it.
    return undefined;
  }
}
