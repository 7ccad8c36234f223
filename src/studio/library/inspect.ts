/**
 * What a file is, without running it: model files by their headers, pictures by their infotext. Files come from
 * anywhere: run it in a reader's process (`reader/tasks.ts`).
 */

import { readlink, stat } from 'node:fs/promises';
import { UserError } from '#core/errors';
import { CheckpointError } from '#models/checkpoint-error';
import { toldFamily } from '#models/describe';
import { describeFile, type FileDescription } from '#models/detect';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { type ModelSource, openModelSource } from '#models/model-source';
import { diskError, isMissing } from '../files/disk-error.ts';
import { nodeModelFiles } from '../files/model-files.ts';
import { openPlainFile, readPlainFile } from '../files/plain-file.ts';
import { nonFiniteParameters } from './non-finite.ts';

/** Facts by their names, in the order in which they are shown. */
export type InspectReport = Readonly<Record<string, unknown>>;

export interface InspectOrder {
  readonly file: string;
  /** Reads every weight. */
  readonly values: boolean;
}

/** @param tell bytes of weights that have been read @throws UserError `inspect.not-found`, those of the formats */
export async function inspectFile(
  { file, values }: InspectOrder,
  tell: (bytes: number) => void,
): Promise<InspectReport> {
  return (await pictureReport(file)) ?? (await modelReport(file, values ? tell : undefined));
}

/** Bytes that tell every picture format apart. */
const magicBytes = 32;

async function pictureReport(file: string): Promise<InspectReport | undefined> {
  const head = await firstBytes(file);
  if (!head || !/^(\x89PNG|\xff\xd8\xff|RIFF....WEBP|GIF8|....ftypavi)/s.test(head)) return undefined;
  const { readImageHeader } = await import('../images/codec.ts');
  const { readAnyInfotext } = await import('../images/any-infotext.ts');
  const bytes = await readPlainFile(file);
  const { format, width, height } = await readImageHeader(bytes);
  const infotext = await readAnyInfotext(bytes, format);
  return { file, kind: 'picture', format, size: `${width}x${height}`, ...(infotext && { infotext }) };
}

/** Latin-1; undefined for a folder. */
async function firstBytes(file: string): Promise<string | undefined> {
  if ((await stat(file).catch(() => undefined))?.isDirectory()) return undefined;
  const handle = await openPlainFile(file).catch(async (error: unknown) => {
    const target = await readlink(file).catch(() => undefined);
    const reason =
      target === undefined ? 'there is no such file or folder' : `it is a link to ${target}, which is not there`;
    if (isMissing(error)) throw new UserError('inspect.not-found', `${file}: ${reason}.`);
    throw diskError(error, file);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(magicBytes), 0, magicBytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function modelReport(file: string, tell: ((bytes: number) => void) | undefined): Promise<InspectReport> {
  const source = await openModelSource(nodeModelFiles, file);
  const description = describeFile(source.tensors, {
    told: toldFamily(source.metadata),
    pipeline: source.pipeline,
  });
  const { model, problems } = await tryLoad(source, description);
  const nonFinite = tell && model ? await nonFiniteOf(model, tell) : undefined;
  return {
    file,
    layout: source.layout,
    kind: description.kind,
    title: description.title,
    ...(description.family && { family: description.family }),
    ...(description.variant && { variant: description.variant }),
    ...(model && modelFacts(model)),
    parts: description.parts,
    parameters: description.parts.reduce((sum, part) => sum + part.parameters, 0),
    metadata: source.metadata,
    problems,
    ...(nonFinite && { nonFinite }),
  };
}

/** Opens it as a model where it is one, for what only then can be seen. */
async function tryLoad(
  source: ModelSource,
  description: FileDescription,
): Promise<{ model?: LoadedCheckpoint; problems: string[] }> {
  if (description.kind !== 'checkpoint' && description.kind !== 'unet') return { problems: [] };
  try {
    const model = await loadCheckpoint(nodeModelFiles, source.path, { partial: description.kind === 'unet' });
    return { model, problems: model.problems.map((p) => p.message) };
  } catch (error) {
    if (error instanceof CheckpointError) return { problems: error.problems.map((p) => p.message) };
    if (error instanceof UserError) return { problems: [error.message.replace(`${source.path}: `, '')] };
    throw error;
  }
}

function modelFacts({ components, parts }: LoadedCheckpoint): InspectReport {
  const { width, height } = parts.limits.defaultSize;
  return { components, prediction: parts.prediction, size: `${width}x${height}` };
}

async function nonFiniteOf(model: LoadedCheckpoint, tell: (bytes: number) => void): Promise<string[]> {
  const names: string[] = [];
  let read = 0;
  const count = (bytes: number): void => {
    read += bytes;
    tell(read);
  };
  for (const component of model.components) names.push(...(await nonFiniteParameters(model, component, count)));
  return names;
}
