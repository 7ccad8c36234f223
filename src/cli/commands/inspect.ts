/** `darkroom inspect`: what a file is, without running it. Model files by their headers, pictures by their infotext. */

import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { UserError } from '#core/errors';
import { CheckpointError } from '#models/checkpoint-error';
import { toldFamily } from '#models/describe';
import { describeFile, type FileDescription } from '#models/detect';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { type ModelSource, openModelSource } from '#models/model-source';
import { diskError, isMissing } from '#studio/files/disk-error';
import { nodeModelFiles } from '#studio/files/model-files';
import { nonFiniteParameters } from '#studio/library/non-finite';
import type { CommandContext } from '../command.ts';
import { formatBytes, type Output } from '../terminal.ts';

interface InspectOptions {
  readonly json?: boolean;
  readonly values?: boolean;
}

export function define(command: Command, { output }: CommandContext): void {
  command
    .argument('<file>', 'A model file, a diffusers folder or a picture.')
    .option('--values', 'Also read every weight and name those that are not numbers.')
    .option('--json', 'Print one JSON object.')
    .action((file: string, options: InspectOptions) => inspect(file, options, output));
}

async function inspect(file: string, { json, values }: InspectOptions, output: Output): Promise<void> {
  const report = (await pictureReport(file)) ?? (await modelReport(file, values === true));
  if (json) {
    output.result(JSON.stringify(report));
    return;
  }
  for (const [key, value] of Object.entries(report)) showField(output, key, value);
}

type Report = Readonly<Record<string, unknown>>;

/** Bytes that tell every picture format apart. */
const magicBytes = 32;

async function pictureReport(file: string): Promise<Report | undefined> {
  const head = await firstBytes(file);
  if (!head || !/^(\x89PNG|\xff\xd8\xff|RIFF....WEBP|GIF8|....ftypavi)/s.test(head)) return undefined;
  const { readFile } = await import('node:fs/promises');
  const { readImageHeader } = await import('#studio/images/codec');
  const { readInfotext } = await import('#studio/images/read-infotext');
  const bytes = await readFile(file);
  const { format, width, height } = await readImageHeader(bytes);
  const infotext = await readInfotext(bytes);
  return { file, kind: 'picture', format, size: `${width}x${height}`, ...(infotext && { infotext }) };
}

/** Latin-1; undefined for a folder. */
async function firstBytes(file: string): Promise<string | undefined> {
  const handle = await open(file).catch((error: unknown) => {
    if (isMissing(error)) throw new UserError('inspect.not-found', `${file}: there is no such file or folder.`);
    throw diskError(error, file);
  });
  try {
    if ((await handle.stat()).isDirectory()) return undefined;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(magicBytes), 0, magicBytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function modelReport(file: string, values: boolean): Promise<Report> {
  const source = await openModelSource(nodeModelFiles, file);
  const description = describeFile(source.tensors, {
    told: toldFamily(source.metadata),
    pipeline: source.pipeline,
  });
  const { model, problems } = await tryLoad(source, description);
  const nonFinite = values && model ? await nonFiniteOf(model) : undefined;
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

function modelFacts({ components, parts }: LoadedCheckpoint): Report {
  const { width, height } = parts.limits.defaultSize;
  return { components, prediction: parts.prediction, size: `${width}x${height}` };
}

async function nonFiniteOf(model: LoadedCheckpoint): Promise<string[]> {
  const names: string[] = [];
  for (const component of model.components) names.push(...(await nonFiniteParameters(model, component)));
  return names;
}

const longestValue = 200;

function showField(output: Output, key: string, value: unknown): void {
  const line = (text: string): void => output.result(text);
  if (key === 'parts') showParts(output, value as FileDescription['parts']);
  else if (key === 'infotext') line(`infotext:\n  ${String(value).replaceAll('\n', '\n  ')}`);
  else if (Array.isArray(value)) line(`${key}: ${value.length === 0 ? 'none' : value.map((v) => `\n  ${v}`).join('')}`);
  else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    line(`${key}: ${entries.length === 0 ? 'none' : ''}`);
    for (const [name, text] of entries) line(`  ${name}: ${shortened(String(text))}`);
  } else line(`${key}: ${typeof value === 'number' ? value.toLocaleString('en') : String(value)}`);
}

function shortened(text: string): string {
  const flat = text.replaceAll('\n', ' ');
  return flat.length > longestValue ? `${flat.slice(0, longestValue)}... (${formatBytes(text.length)})` : flat;
}

function showParts(output: Output, parts: FileDescription['parts']): void {
  output.result('parts:');
  for (const { name, tensors, parameters, dtypes } of parts) {
    const count = `${parameters.toLocaleString('en')} parameters in ${tensors} tensors`;
    output.result(`  ${name === '' ? '(whole file)' : name}: ${count}, ${dtypes.join(' and ')}`);
  }
}
