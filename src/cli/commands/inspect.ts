/** `darkroom inspect`: what a file is, read by a process that may be brought down by it. */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { FileDescription } from '#models/detect';
import { findCalled } from '#studio/library/find';
import { modelRoots } from '#studio/library/roots';
import { withReader } from '#studio/reader/host';
import { type CommandContext, modelsOption } from '../command.ts';
import { formatBytes, type Output } from '../terminal.ts';

interface InspectOptions {
  readonly modelsDir?: readonly string[];
  readonly json?: boolean;
  readonly values?: boolean;
}

export function define(command: Command, { output }: CommandContext): void {
  command
    .argument('<file>', 'A model file, a diffusers folder or a picture; or the name of a model.')
    .option('--values', 'Also read every weight and name those that are not numbers.')
    .addOption(modelsOption())
    .option('--json', 'Print one JSON object.')
    .action((file: string, options: InspectOptions) => inspect(file, options, output));
}

async function inspect(given: string, options: InspectOptions, output: Output): Promise<void> {
  const { json, values, modelsDir } = options;
  const order = { file: await fileOf(given, modelRoots(modelsDir)), values: values === true };
  const report = await withReader('inspect', async (read) => await read(order));
  if (json) {
    output.result(JSON.stringify(report));
    return;
  }
  for (const [key, value] of Object.entries(report)) showField(output, key, value);
}

/** The file itself, or the one of a model that is called so. */
async function fileOf(given: string, roots: readonly string[]): Promise<string> {
  if (existsSync(given)) return given;
  const { scanModels } = await import('#studio/library/scan');
  return findCalled(await scanModels(roots), given)?.path ?? given;
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
