/**
 * Where models lie: the folder names of AUTOMATIC1111, ComfyUI and their relatives, found in place. A folder that has
 * none of them is taken as it is, and every file's kind is told by its header.
 */

import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelKind } from '#api/records/model';
import { isMissing } from '../files/disk-error.ts';

/** Folder names in lower case; where several name one kind, the first is where a download goes. */
const kindOfFolder: Readonly<Record<string, ModelKind>> = {
  checkpoints: 'checkpoint', // ComfyUI
  'stable-diffusion': 'checkpoint', // A1111
  diffusion_models: 'unet',
  unet: 'unet',
  vae: 'vae',
  vae_approx: 'tiny-autoencoder',
  'vae-approx': 'tiny-autoencoder',
  'vae-taesd': 'tiny-autoencoder',
  text_encoders: 'text-encoder',
  'text-encoder': 'text-encoder',
  clip: 'text-encoder',
  loras: 'lora',
  lora: 'lora',
  lycoris: 'lora',
  embeddings: 'embedding',
  hypernetworks: 'hypernetwork',
  controlnet: 'controlnet',
  t2i_adapter: 't2i-adapter',
  ipadapter: 'ip-adapter',
  upscale_models: 'upscaler',
  esrgan: 'upscaler',
  realesrgan: 'upscaler',
  dat: 'upscaler',
  hat: 'upscaler',
  swinir: 'upscaler',
};

export interface ModelFolder {
  readonly root: string;
  /** Absolute. */
  readonly path: string;
  /** What its files are; undefined where only their headers can tell. */
  readonly kind: ModelKind | undefined;
}

/** The folders of models in a root: its own known ones and those in its `models`; the root itself when there are none. */
export async function modelFoldersOf(root: string): Promise<ModelFolder[]> {
  const found: ModelFolder[] = [];
  for (const parent of [root, join(root, 'models')]) {
    for (const name of await folderNames(parent)) {
      const kind = kindOfFolder[name.toLowerCase()];
      if (kind) found.push({ root, path: join(parent, name), kind });
    }
  }
  return found.length > 0 ? found : [{ root, path: root, kind: undefined }];
}

/**
 * Where a new model of a kind goes: the root's own folder for it; in a plain folder that is in use, the folder itself;
 * otherwise a new folder in ComfyUI's layout.
 */
export async function folderForKind(root: string, kind: ModelKind): Promise<string> {
  const folders = await modelFoldersOf(root);
  const own = folders.find((folder) => folder.kind === kind);
  if (own) return own.path;
  const isPlain = folders[0]!.kind === undefined;
  if (isPlain && (await entriesOf(root)).length > 0) return root;
  const parent = (await folderNames(root)).includes('models') ? join(root, 'models') : root;
  const name = Object.entries(kindOfFolder).find(([, folderKind]) => folderKind === kind)?.[0] ?? 'other';
  return join(parent, name);
}

async function folderNames(folder: string): Promise<string[]> {
  const entries = (await entriesOf(folder)).filter((entry) => entry.isDirectory() || entry.isSymbolicLink());
  return entries.map((entry) => entry.name).sort();
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.name.startsWith('.'));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
