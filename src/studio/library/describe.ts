/** Models as the library keeps them: what headers say, and pictures that hold an embedding. Runs in the reader's process. */

import {
  describedTensors,
  describeModel as describeModelFile,
  type ModelDescription,
  maxValueLength,
  thumbnailKey,
  unreadable,
} from '#models/describe';
import { describeFile } from '#models/detect';
import { soleTable } from '#models/embeddings/read';
import { openModelSource } from '#models/model-source';
import { nodeModelFiles } from '../files/model-files.ts';
import { readEmbeddingFile } from './embeddings.ts';
import { isPictureFile } from './scan.ts';

/** Never throws for a bad file: the description says what is wrong with it. */
export async function describeModel(path: string): Promise<ModelDescription> {
  try {
    return isPictureFile(path) ? await describePicture(path) : await describeModelFile(nodeModelFiles, path);
  } catch (error) {
    return unreadable(error);
  }
}

/** An embedding in a picture. */
async function describePicture(path: string): Promise<ModelDescription> {
  const { tables, name } = await readEmbeddingFile(path);
  const keys = [...tables.keys()];
  const table = (key: string) => ({ dtype: 'f32' as const, shape: tables.get(key)!.shape });
  const named = new Map(keys.map((key) => [key === soleTable ? 'emb_params' : key, table(key)]));
  return { ...describedTensors(describeFile(named), named), metadata: name === undefined ? {} : { name } };
}

/** The thumbnail inside a file's metadata (a data URL), as bytes. */
export async function readThumbnail(path: string): Promise<Uint8Array | undefined> {
  if (isPictureFile(path)) return undefined;
  const { metadata } = await openModelSource(nodeModelFiles, path);
  const base64 = /^data:image\/[a-z]+;base64,(.*)$/s.exec(metadata[thumbnailKey] ?? '')?.[1];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

/** Of what a file may say about itself: nobody has more to say, and all of it goes through the server. */
const mostValues = 1000;
const mostMetadata = 2 * 2 ** 20;

/** Metadata of a file, long values included; what is beyond all bounds is left out, with a word in its place. */
export async function readMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  if (isPictureFile(path)) return (await describePicture(path)).metadata;
  const { metadata } = await openModelSource(nodeModelFiles, path);
  let room = mostMetadata;
  const entries = Object.entries(metadata)
    .slice(0, mostValues)
    .map(([name, value]) => {
      const length = name.length + value.length;
      if (length <= room) {
        room -= length;
        return [name, value];
      }
      return [name.slice(0, maxValueLength), `(${value.length} characters, left out)`];
    });
  return Object.fromEntries(entries) as Record<string, string>;
}
