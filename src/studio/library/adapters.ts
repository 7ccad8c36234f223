/** LoRA files of the library, found by what prompts call them and opened for the model that is loaded. */

import { stat } from 'node:fs/promises';
import { UserError } from '#core/errors';
import { moduleNames } from '#models/adapters/modules';
import { openAdapter } from '#models/adapters/open';
import { readBundled, tablesFor } from '#models/embeddings/read';
import type { LoadedCheckpoint } from '#models/load';
import { openTensorFile, type TensorFile } from '#models/tensor-file';
import type { FoundAdapter, FoundEmbedding, PipelineModel } from '#pipelines/model';
import { nodeModelFiles } from '../files/model-files.ts';
import { findCalled } from './find.ts';
import { hashModel } from './hash.ts';
import { type FoundModel, scanModels } from './scan.ts';

/** Adapters that stay read, so that going back to one reads nothing. */
const kept = 4;

export function loraOpener(
  { family, config, parts }: LoadedCheckpoint,
  roots: readonly string[],
): NonNullable<PipelineModel['openLora']> {
  const names = moduleNames(family, config);
  const opened = new Map<string, FoundAdapter>();
  return async (name) => {
    const path = await findLora(name, roots);
    if (path === undefined) return undefined;
    const { ino, size, mtimeMs } = await stat(path);
    const id = `${path} ${ino} ${size} ${mtimeMs}`;
    const found = opened.get(id) ?? (await open(id, path));
    opened.delete(id);
    opened.set(id, found);
    for (const old of [...opened.keys()].slice(0, -kept)) opened.delete(old);
    return found;
  };

  async function open(id: string, path: string): Promise<FoundAdapter> {
    const file = await openTensorFile(nodeModelFiles, path);
    const adapter = await openAdapter(nodeModelFiles, file, names, { id, title: family.title });
    const { embeddings, warnings } = await bundledOf(file);
    const { autoV3, sha256 } = await hashModel(path);
    const hash = (file.metadata.sshs_model_hash ?? autoV3 ?? sha256).slice(0, 12);
    return { adapter: { ...adapter, warnings: [...adapter.warnings, ...warnings] }, embeddings, hash };
  }

  /** Embeddings in the file of a LoRA; one that does not fit is left out and told. */
  async function bundledOf(file: TensorFile) {
    const embeddings = new Map<string, FoundEmbedding['tables']>();
    const warnings: string[] = [];
    for (const [name, embedding] of await readBundled(nodeModelFiles, file)) {
      try {
        embeddings.set(name, tablesFor(embedding, parts.textEncoders, family.title));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        warnings.push(`its embedding ${name} is left out: ${error.message}`);
      }
    }
    return { embeddings, warnings };
  }
}

/** By file name as other models, then by the name that its trainer gave it (`ss_output_name`). */
async function findLora(name: string, roots: readonly string[]): Promise<string | undefined> {
  const loras = (await scanModels(roots)).filter(({ kind }) => kind === 'lora' || kind === undefined);
  const found = findCalled(loras, name) ?? (await byOutputName(loras, name)) ?? (await byHash(loras, name));
  return found?.path;
}

/** The longest digest that is still written where names stand. */
const hashPattern = /^[0-9a-f]{10,64}$/i;

/** By the hash that infotexts carry, whatever the file is called now. */
async function byHash(loras: readonly FoundModel[], name: string): Promise<FoundModel | undefined> {
  if (!hashPattern.test(name)) return undefined;
  const wanted = name.toLowerCase();
  for (const lora of loras) {
    const { sha256, autoV3 = '' } = await hashModel(lora.path);
    if (sha256.startsWith(wanted) || (autoV3 !== '' && (autoV3.startsWith(wanted) || wanted.startsWith(autoV3))))
      return lora;
  }
  return undefined;
}

async function byOutputName(loras: readonly FoundModel[], name: string): Promise<FoundModel | undefined> {
  for (const lora of loras.filter(({ path }) => path.endsWith('.safetensors'))) {
    // A damaged file is no reason not to find the others.
    const file = await openTensorFile(nodeModelFiles, lora.path).catch(() => undefined);
    if (file?.metadata.ss_output_name === name) return lora;
  }
  return undefined;
}
