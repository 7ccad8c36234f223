/** Model names to files: the folders where models are looked for, what is in them, and opening one for the engine. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { findNamed, type Named } from '#diffusion/named';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { ModelFileError } from '#models/model-error';
import type { ModelRequest, OpenModel, PipelineModel } from '#pipelines/model';
import { nodeModelFiles } from '#studio/files/model-files';
import { defaultModel } from './model-roots.ts';
import { nonFiniteParameters } from './non-finite.ts';

export interface ModelEntry extends Named {
  readonly path: string;
  /** Undefined for a folder. */
  readonly bytes: number | undefined;
}

const modelFile = /\.(safetensors|ckpt|pt|pth|bin)$/i;
const deepest = 4;

/** Model files and diffusers folders below the roots, by name; a root that is not there holds none. */
export async function listModels(roots: readonly string[]): Promise<ModelEntry[]> {
  const found: ModelEntry[] = [];
  for (const root of roots) await collect(root, root, 0, found);
  return found.sort((a, b) => a.name.localeCompare(b.name));
}

async function collect(root: string, folder: string, depth: number, found: ModelEntry[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const full = path.join(folder, entry.name);
    const facts = entry.name.startsWith('.') ? undefined : await stat(full).catch(() => undefined);
    if (facts?.isDirectory() && (await nodeModelFiles.exists(path.join(full, 'model_index.json')))) {
      found.push(entryOf(root, full, undefined));
    } else if (facts?.isDirectory() && depth < deepest) {
      await collect(root, full, depth + 1, found);
    } else if (facts?.isFile() && modelFile.test(entry.name)) {
      found.push(entryOf(root, full, facts.size));
    }
  }
}

/** Known by its stem, its file name and its path below the root. */
function entryOf(root: string, full: string, bytes: number | undefined): ModelEntry {
  const below = path.relative(root, full).split(path.sep).join('/');
  const file = path.basename(full);
  return { name: file.replace(modelFile, ''), aliases: [below, below.replace(modelFile, ''), file], path: full, bytes };
}

/**
 * The file that a name or path stands for.
 * @throws UserError naming the nearest models
 */
export async function findModel(kind: 'model' | 'vae', given: string, roots: readonly string[]): Promise<string> {
  if (await nodeModelFiles.exists(given)) return path.resolve(given);
  const models = await listModels(roots);
  if (looksLikePath(given) || models.length === 0) {
    const looked = models.length === 0 ? ` No models were found in ${roots.join(', ')}.` : '';
    throw new UserError(`${kind}.not-found`, `There is no ${kind} file or folder ${JSON.stringify(given)}.${looked}`);
  }
  return findNamed(kind, models, given).path;
}

function looksLikePath(given: string): boolean {
  return /^(\.{0,2}\/|~\/|[a-z]:[\\/])/i.test(given) || (given.includes('/') && modelFile.test(given));
}

/** Opens what a request names; files stay where they are. */
export function modelOpener(roots: readonly string[]): OpenModel {
  return async ({ model, vae }: ModelRequest): Promise<PipelineModel> => {
    const file = await findModel('model', model ?? defaultModel, roots);
    const vaeFile = vae === undefined ? undefined : await findModel('vae', vae, roots);
    const loaded = await loadCheckpoint(nodeModelFiles, file, { vae: vaeFile });
    const hash = await shortHash(file);
    const opened = await stampsOf(filesOf(loaded));
    return {
      reference: { name: stemOf(file), family: loaded.family.id, ...(hash && { hash }) },
      ...(vaeFile !== undefined && { vae: { name: path.basename(vaeFile) } }),
      parts: loaded.parts,
      weights: loaded.weights,
      warnings: warningsOf(loaded),
      findNonFinite: (component) => nonFiniteParameters(loaded, component),
      isCurrent: async () => (await stampsOf(filesOf(loaded))) === opened,
    };
  };
}

/** Files that hold the weights. */
function filesOf({ family, config, weights }: LoadedCheckpoint): string[] {
  const refs = family.parameters(config).map(({ name }) => weights.get(name));
  return [...new Set(refs.flatMap((ref) => (ref?.kind === 'file' ? [ref.path] : [])))];
}

/** Changes whenever one of the files is written, replaced or removed. */
async function stampsOf(files: readonly string[]): Promise<string> {
  const facts = await Promise.all(files.map((file) => stat(file, { bigint: true }).catch(() => undefined)));
  return facts.map((f) => (f ? `${f.ino}:${f.size}:${f.mtimeNs}` : 'gone')).join(' ');
}

function stemOf(file: string): string {
  return path.basename(file).replace(modelFile, '');
}

function warningsOf({ path: file, problems }: LoadedCheckpoint): string[] {
  if (problems.length === 0) return [];
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return [`${path.basename(file)}: ${first!.message}${more}; darkroom inspect shows all.`];
}

/** Hashing a larger file would hold up the first picture by more than its worth. */
const largestHashed = 256 * 2 ** 20;

/** A1111's short hash: the first ten digits of the file's sha256. */
async function shortHash(file: string): Promise<string | undefined> {
  const facts = await stat(file);
  if (!facts.isFile() || facts.size > largestHashed) return undefined;
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 22 })) hash.update(chunk as Buffer);
  } catch (cause) {
    throw new ModelFileError('unreadable', `the file cannot be read: ${(cause as Error).message}`, file);
  }
  return hash.digest('hex').slice(0, 10);
}
