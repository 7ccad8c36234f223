/** Textual inversions on tiny models: what text encoders say with vectors in place of tokens. */

import { type HostTensor, i64, toF32 } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { insertionFeeds, withInsertedVectors } from '#models/embeddings/insert';
import { readEmbedding, tablesFor } from '#models/embeddings/read';
import type { LoadedCheckpoint } from '#models/load';
import { type ModelFiles, openTensorFile } from '#models/tensor-file';
import { planPrompt } from '#prompt/encode-plan';
import { type RowCheck, relativeError } from './row-check.ts';

export interface EmbeddingCase {
  readonly name: string;
  readonly kind: string;
  readonly params: {
    readonly file: string;
    readonly token: string;
    readonly prompt: string;
    readonly vectors: number;
    readonly insert_at: number;
  };
  readonly outputs: Readonly<Record<string, string>>;
  readonly rtol: number;
}

interface Given {
  readonly files: ModelFiles;
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** One row an output of a case of kind `textual_inversion` or `textual_inversion_sdxl`. */
export async function* checkEmbeddingCase(
  { name, params, outputs, rtol }: EmbeddingCase,
  { parts, weights, family }: LoadedCheckpoint,
  backend: Backend,
  { files, folder, tensors }: Given,
): AsyncGenerator<RowCheck> {
  const embedding = await readEmbedding(files, await openTensorFile(files, `${folder}/${params.file}`));
  const tables = tablesFor(embedding, parts.textEncoders, family.title);
  const got: Record<string, HostTensor> = {};
  for (const [i, part] of parts.textEncoders.entries()) {
    const tokenizer = part.tokenizer();
    const word = tokenizer.encode(params.token);
    const { chunks } = planPrompt(params.prompt, {
      tokenizer,
      padId: part.padId,
      findEmbedding: (ids, at) =>
        word.every((id, k) => ids[at + k] === id)
          ? { name: params.token, vectors: params.vectors, tokens: word.length }
          : undefined,
    });
    const { position } = chunks[0]!.insertions[0]!;
    if (position !== params.insert_at) throw new Error(`${name}: inserted at ${position}, not ${params.insert_at}`);
    const graph = withInsertedVectors(part.graph());
    const session = await backend.compile(graph, { weights });
    const ids = i64([1, part.positions], [...chunks[0]!.ids]);
    const insertions = [{ at: position, table: tables.get(part.component)! }];
    const { context, pooled } = await session.run({ ids, ...insertionFeeds(graph, 1, insertions) });
    await session.dispose();
    if (parts.textEncoders.length === 1) got.last_hidden_state = context!;
    else Object.assign(got, { [`te${i + 1}_penultimate`]: context, [`te${i + 1}_pooled`]: pooled });
  }
  for (const [role, tensor] of Object.entries(outputs)) {
    const error = relativeError(toF32(got[role]!), toF32(tensors.get(tensor)!));
    yield { name: `${name} ${role}`, error, tolerance: rtol };
  }
}
