/**
 * Finds model files and diffusers folders below the model folders. Links are followed, since model collections are
 * often made of them; a folder that a link leads back into is entered once.
 */

import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import type { ModelKind } from '#api/records/model';
import { type ModelFolder, modelFoldersOf } from './layout.ts';

export interface FoundModel {
  /** Absolute path of the file or the diffusers folder. */
  readonly path: string;
  readonly root: string;
  /** Kind by the folder it lies in; undefined where only its header can tell. */
  readonly kind: ModelKind | undefined;
  /** Below its kind's folder, forward slashes, without extension. */
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

const extensions = /\.(safetensors|ckpt|pt|pth|bin|gguf)$/i;
/** Embeddings may lie in pictures; what shows another file is none. */
const pictures = /(?<!\.preview)\.(png|webp|avif)$/i;
/** Optimiser states, indices and what a download has not finished. */
const ignored = /\.(part|incomplete|optim)$|^training_args\.bin$/i;
const maxDepth = 12;
/** Folders of one root; a link to a whole disk has more, and would be looked at for ever. */
const mostFolders = 10_000;
/** What the system shows as files and is none: a link to it holds nothing but other processes' business. */
const systems = /^\/(proc|sys|dev|run)(\/|$)/;

/** @param mostIn folders of one root that are looked into */
export async function scanModels(roots: readonly string[], mostIn = mostFolders): Promise<FoundModel[]> {
  const found = new Map<string, FoundModel>();
  const entered = new Set<string>();
  for (const root of roots) {
    const most = entered.size + mostIn;
    for (const folder of await modelFoldersOf(root)) {
      for await (const { path, stats } of walk(folder, { entered, most })) {
        if (found.has(path)) continue;
        const below = relative(folder.path, path).split(sep).join('/') || basename(path);
        found.set(path, {
          path,
          root,
          kind: kindByName(path, folder.kind),
          name: stats.isDirectory() ? below : below.replace(extensions, '').replace(pictures, ''),
          bytes: stats.isDirectory() ? await folderBytes(path) : stats.size,
          modifiedAt: Math.trunc(stats.mtimeMs),
        });
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** A VAE may lie beside its checkpoint, named after it. */
function kindByName(path: string, kind: ModelKind | undefined): ModelKind | undefined {
  return kind === 'checkpoint' && /\.vae\.[a-z]+$/i.test(path) ? 'vae' : kind;
}

/** Folders of programs, however many files they have. */
const foreign = /^(node_modules|site-packages|venv|__pycache__)$/;

async function* walk(
  { path: folder, isShallow = false, kind }: Pick<ModelFolder, 'path' | 'isShallow' | 'kind'>,
  look: { readonly entered: Set<string>; readonly most: number },
  depth = 0,
): AsyncGenerator<{ path: string; stats: Stats }> {
  if (depth > maxDepth || look.entered.size >= look.most) return;
  const real = await orMissing(realpath(folder));
  if (real === undefined || look.entered.has(real) || systems.test(real)) return;
  look.entered.add(real);
  const entries = (await orMissing(readdir(folder, { withFileTypes: true }))) ?? [];
  if (entries.some((entry) => entry.name === 'model_index.json')) {
    const stats = await orMissing(stat(folder));
    if (stats) yield { path: folder, stats };
    return;
  }
  const stems = new Set(entries.flatMap(({ name }) => (extensions.test(name) ? [modelStem(name)] : [])));
  const isModel = (name: string): boolean =>
    extensions.test(name) || (kind === 'embedding' && pictures.test(name) && !stems.has(modelStem(name)));
  for (const entry of entries.sort(byName)) {
    if (entry.name.startsWith('.') || ignored.test(entry.name) || foreign.test(entry.name)) continue;
    const path = join(folder, entry.name);
    const stats = await orMissing(stat(path));
    if (stats?.isDirectory() && !isShallow) yield* walk({ path, kind }, look, depth + 1);
    else if (stats?.isFile() && isModel(entry.name)) yield { path, stats };
  }
}

/** Of a file, or of all files in a folder. */
export async function bytesAt(path: string): Promise<number> {
  const stats = await orMissing(stat(path));
  return stats?.isDirectory() ? await folderBytes(path) : (stats?.size ?? 0);
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of (await orMissing(readdir(folder, { recursive: true }))) ?? []) {
    const stats = await orMissing(stat(join(folder, name)));
    if (stats?.isFile()) bytes += stats.size;
  }
  return bytes;
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1;
}

/** Files come and go, links lead nowhere and folders are not for us: what cannot be looked at must not hide the rest. */
async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code === 'string') return undefined;
    throw error;
  }
}

/** File name without folders and without the extension of a model. */
export function modelStem(path: string): string {
  return basename(path).replace(extensions, '').replace(pictures, '');
}

/** Whether a model lies in a picture. */
export function isPictureFile(path: string): boolean {
  return pictures.test(path);
}
