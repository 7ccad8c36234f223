/** Textual inversions of the library: what prompts may call them by, and opened for the model that is loaded. */

import { stat } from 'node:fs/promises';
import { UserError } from '#core/errors';
import { readPngTexts } from '#formats/png-text';
import { embeddingKeyword, embeddingOfText, textInPixels } from '#models/embeddings/picture';
import { type Embedding, readEmbedding, tablesFor } from '#models/embeddings/read';
import type { LoadedCheckpoint } from '#models/load';
import { ModelFileError } from '#models/model-error';
import { openTensorFile } from '#models/tensor-file';
import type { PipelineModel } from '#pipelines/model';
import { nodeModelFiles } from '../files/model-files.ts';
import { readPlainFile } from '../files/plain-file.ts';
import { hashModel } from './hash.ts';
import { isPictureFile, modelStem, scanModels } from './scan.ts';

type Opener = Required<Pick<PipelineModel, 'embeddingNames' | 'openEmbedding'>>;

/** Embeddings that stay read: each is a few kilobytes. */
const kept = 200;

/** Files by what prompts call them: their own name, and the word that diffusers keeps in them. */
export function embeddingOpener({ family, parts }: LoadedCheckpoint, roots: readonly string[]): Opener {
  const read = new Map<string, Promise<Embedding>>();
  let files = new Map<string, string>();
  return {
    async embeddingNames(texts) {
      const found = (await scanModels(roots)).filter(({ kind }) => kind === 'embedding').map(({ path }) => path);
      files = new Map(found.map((path) => [modelStem(path), path]));
      // Words that trainers make up look like <this>; no other text makes reading all files worth it.
      if (texts.some((text) => text.includes('<'))) {
        for (const path of found.filter((each) => !isPictureFile(each))) {
          const { placeholder } = await readOnce(path).catch(() => ({ placeholder: undefined }));
          if (placeholder !== undefined && !files.has(placeholder)) files.set(placeholder, path);
        }
      }
      return [...files.keys()];
    },
    async openEmbedding(name) {
      const path = files.get(name);
      if (path === undefined) throw new UserError('embedding.not-found', `there is no embedding ${name}.`);
      const tables = tablesFor(await readOnce(path), parts.textEncoders, family.title);
      return { tables, hash: (await hashModel(path)).sha256.slice(0, 12) };
    },
  };

  async function readOnce(path: string): Promise<Embedding> {
    const { ino, size, mtimeMs } = await stat(path);
    const id = `${path} ${ino} ${size} ${mtimeMs}`;
    const embedding = read.get(id) ?? readFileOf(path);
    read.delete(id);
    read.set(id, embedding);
    for (const old of [...read.keys()].slice(0, -kept)) read.delete(old);
    return await embedding;
  }
}

/** @throws UserError for a file that is no embedding */
export async function readEmbeddingFile(path: string): Promise<Embedding & { readonly name?: string | undefined }> {
  return await readFileOf(path);
}

async function readFileOf(path: string): Promise<Embedding & { readonly name?: string | undefined }> {
  if (!isPictureFile(path)) return await readEmbedding(nodeModelFiles, await openTensorFile(nodeModelFiles, path));
  const bytes = await readPlainFile(path);
  const text = (await textBeside(bytes)) ?? (await textInPixels((await decoded(bytes)).image));
  if (text === undefined) throw new ModelFileError('embedding', 'the picture holds no embedding', path);
  return embeddingOfText(text, path);
}

async function textBeside(bytes: Uint8Array): Promise<string | undefined> {
  try {
    const [found] = await readPngTexts(bytes, [embeddingKeyword]);
    return found && Buffer.from(found.text, 'base64').toString('utf8');
  } catch {
    // No PNG, or a damaged one: its pixels tell.
    return undefined;
  }
}

async function decoded(bytes: Uint8Array) {
  const { decodePixels } = await import('../images/codec.ts');
  return await decodePixels(bytes);
}
