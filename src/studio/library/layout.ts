/**
 * Where models lie: the folder names of AUTOMATIC1111, ComfyUI and their relatives, found in place. Files outside of
 * them are found as well, and their kind is told by their headers.
 */

import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
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
  text_encoder: 'text-encoder', // Forge
  clip: 'text-encoder',
  loras: 'lora',
  lora: 'lora',
  lycoris: 'lora',
  embeddings: 'embedding',
  hypernetworks: 'hypernetwork',
  controlnet: 'controlnet',
  t2i_adapter: 't2i-adapter',
  ipadapter: 'ip-adapter',
  clip_vision: 'vision-encoder', // ComfyUI
  upscale_models: 'upscaler',
  upscalers: 'upscaler',
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
  /** Only what lies in it directly. */
  readonly isShallow?: boolean;
}

/**
 * Where to look in a root, the most particular first: folders of known names in it and in its `models`, which tell what
 * their files are; then the root as it is. Of an application's folder (a web UI, with known folders in its `models`),
 * whose other parts are its own, `models` as it is and the files that lie loose beside it. A diffusers folder is one
 * model.
 */
export async function modelFoldersOf(root: string): Promise<ModelFolder[]> {
  const models = join(root, 'models');
  if ((await entriesOf(root)).some(({ name }) => name === 'model_index.json')) {
    return [{ root, path: root, kind: 'checkpoint' }];
  }
  const inModels = await knownFolders(root, models);
  const known = [...(await knownFolders(root, root)), ...inModels];
  const own = known.length === 0 ? kindOfFolder[basename(root).toLowerCase()] : undefined;
  if (inModels.length === 0) return [...known, { root, path: root, kind: own }];
  return [...known, { root, path: models, kind: undefined }, { root, path: root, kind: undefined, isShallow: true }];
}

async function knownFolders(root: string, parent: string): Promise<ModelFolder[]> {
  const names = await folderNames(parent);
  return names.flatMap((name) => {
    const kind = kindOfFolder[name.toLowerCase()];
    return kind ? [{ root, path: join(parent, name), kind }] : [];
  });
}

/**
 * Where a new model of a kind goes: the root's own folder for it; in a plain folder that is in use, the folder itself;
 * otherwise a new folder in ComfyUI's layout.
 */
export async function folderForKind(root: string, kind: ModelKind): Promise<string> {
  const folders = await modelFoldersOf(root);
  const own = folders.find((folder) => folder.kind === kind && folder.path !== root);
  if (own) return own.path;
  const isPlain = folders.every((folder) => folder.kind === undefined);
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
