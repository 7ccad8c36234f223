/** Control networks, vision encoders and annotators of the library, found by name and opened for the loaded model. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#core/errors';
import { type ClipVisionFile, isClipVision, openClipVision } from '#models/clip/vision';
import { controlKinds, openControl } from '#models/control/open';
import { parseJson } from '#models/fields';
import type { LoadedCheckpoint } from '#models/load';
import { openComponent, readConfig } from '#models/model-source';
import { openTensorFile, type TensorFile } from '#models/tensor-file';
import type { FindAnnotator, FoundAnnotator } from '#pipelines/control/units';
import type { FoundControl, PipelineModel, VisionWidths } from '#pipelines/model';
import { nodeModelFiles } from '../files/model-files.ts';
import { readPlainText } from '../files/plain-file.ts';
import { findCalled } from './find.ts';
import { legacyHash } from './hash.ts';
import { listOnnx } from './onnx-files.ts';
import { type FoundModel, modelStem, scanModels } from './scan.ts';

/** Opened networks that are remembered; they hold no weights but those of low rank. */
const kept = 4;

export function controlOpener(
  { family, parts, weights }: LoadedCheckpoint,
  roots: readonly string[],
): NonNullable<PipelineModel['openControl']> {
  const opened = new Map<string, FoundControl>();
  return async (name) => {
    const { unet } = parts.denoiser;
    const path = await findControl(name, roots);
    if (path === undefined || !unet) return undefined;
    const { ino, size, mtimeMs } = await stat(path);
    const id = `${path} ${ino} ${size} ${mtimeMs}`;
    const found = opened.get(id) ?? {
      id,
      title: `${modelStem(path)} [${await legacyHash(path)}]`,
      model: await openControl(nodeModelFiles, await fileOrFolder(path), { unet, weights, title: family.title }),
    };
    opened.delete(id);
    opened.set(id, found);
    for (const old of [...opened.keys()].slice(0, -kept)) opened.delete(old);
    return found;
  };
}

async function findControl(name: string, roots: readonly string[]): Promise<string | undefined> {
  if (await nodeModelFiles.exists(name)) return name;
  const kinds: readonly (string | undefined)[] = [...controlKinds, undefined];
  const models = (await scanModels(roots)).filter(({ kind }) => kinds.includes(kind));
  return findCalled(models, name)?.path;
}

/** A file of tensors, or a folder as diffusers saves one. */
async function fileOrFolder(path: string): Promise<TensorFile> {
  const isFolder = (await stat(path)).isDirectory();
  return await (isFolder ? openComponent(nodeModelFiles, path) : openTensorFile(nodeModelFiles, path));
}

/** The first vision encoder of the folders that gives what an adapter was trained on. */
export function visionOpener(roots: readonly string[]): NonNullable<PipelineModel['openVision']> {
  return async (wanted) => {
    const damaged: UserError[] = [];
    for (const { path } of (await scanModels(roots)).filter(mayBeVision)) {
      try {
        const found = await openVision(path);
        if (found && fits(found, wanted)) return found;
      } catch (error) {
        // A damaged file is no reason not to find the others.
        if (!(error instanceof UserError)) throw error;
        damaged.push(error);
      }
    }
    if (damaged[0]) throw damaged[0];
    return undefined;
  };
}

function mayBeVision({ kind }: FoundModel): boolean {
  return kind === 'vision-encoder';
}

function fits({ config }: ClipVisionFile, { embedding, states }: VisionWidths): boolean {
  return embedding === undefined ? config.width === states : config.embeddingWidth === embedding;
}

async function openVision(path: string): Promise<ClipVisionFile | undefined> {
  const isFolder = (await stat(path)).isDirectory();
  const file = await fileOrFolder(path);
  if (!isClipVision(file.tensors)) return undefined;
  const beside = isFolder ? path : join(path, '..');
  const own = `${modelStem(path)}.json`;
  const told = await readConfig(nodeModelFiles, join(path, '..', own));
  return openClipVision(file, told ?? (await readConfig(nodeModelFiles, join(beside, 'config.json'))));
}

/** ONNX files in folders called `annotators`, by their names without ending. */
export async function listAnnotators(roots: readonly string[]): Promise<Omit<FoundAnnotator, 'settings'>[]> {
  return await listOnnx(roots, 'annotators');
}

export function annotatorFinder(roots: readonly string[]): FindAnnotator {
  return async (wanted) => {
    const text = wanted
      .trim()
      .toLowerCase()
      .replace(/\.onnx$/, '');
    const found = (await listAnnotators(roots)).find(({ name }) => name.toLowerCase() === text);
    return found && { ...found, settings: await settingsBeside(found.path) };
  };
}

/** With the names of all tags that any tagger knows, some hundred thousand bytes. */
const mostSettings = 2 ** 20;

async function settingsBeside(path: string): Promise<unknown> {
  const file = path.replace(/\.onnx$/i, '.json');
  const { size } = await stat(file).catch(() => ({ size: undefined }));
  if (size === undefined) return undefined;
  if (size > mostSettings) {
    throw new UserError('annotator.settings', `${file}: settings may have ${mostSettings} bytes, these have ${size}.`);
  }
  return parseJson(await readPlainText(file), file);
}
