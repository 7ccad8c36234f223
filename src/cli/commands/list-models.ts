/** `darkroom models`: what is in the model folders, told from headers alone. */

import type { Command } from 'commander';
import { DarkroomError } from '#core/errors';
import { type CommandContext, gather } from '../command.ts';
import { describeSource } from '../describe.ts';
import { defaultModel, modelRoots } from '../model-roots.ts';
import { listModels, type ModelEntry } from '../models.ts';
import { formatBytes, type Output } from '../terminal.ts';

interface ModelsOptions {
  readonly modelsDir?: string[];
  readonly json?: boolean;
}

interface Row {
  readonly name: string;
  readonly path: string;
  readonly bytes?: number;
  readonly kind: string;
  readonly family?: string;
  readonly title: string;
  readonly problem?: string;
  readonly default: boolean;
}

export function define(command: Command, { output }: CommandContext): void {
  command
    .option('--models-dir <folder>', 'One more folder with models; may be repeated.', gather)
    .option('--json', 'Print one JSON object a line.')
    .action((options: ModelsOptions) => showModels(options, output));
}

async function showModels({ modelsDir, json }: ModelsOptions, output: Output): Promise<void> {
  const roots = modelRoots(modelsDir);
  const rows: Row[] = [];
  for (const entry of await listModels(roots)) rows.push(await rowOf(entry));
  if (json) {
    for (const row of rows) output.result(JSON.stringify(row));
    return;
  }
  if (rows.length === 0) {
    output.note(`No models in ${roots.join(', ')}.`);
    return;
  }
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const { name, bytes, title, problem, default: isDefault } of rows) {
    const what = problem ?? title.replace(/^an? /, '');
    const size = bytes === undefined ? 'folder' : formatBytes(bytes);
    output.result(`${name.padEnd(width)}  ${size.padStart(8)}  ${what}${isDefault ? '  (default)' : ''}`);
  }
}

async function rowOf({ name, path: file, bytes }: ModelEntry): Promise<Row> {
  const base = { name, path: file, ...(bytes !== undefined && { bytes }), default: name === defaultModel };
  try {
    const { kind, family, title } = (await describeSource(file)).description;
    return { ...base, kind, title, ...(family && { family }) };
  } catch (error) {
    if (!(error instanceof DarkroomError)) throw error;
    const problem = error.message.replace(`${file}: `, '');
    return { ...base, kind: 'unreadable', title: 'a file that cannot be read', problem: `unreadable: ${problem}` };
  }
}
