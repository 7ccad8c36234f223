/** `darkroom models`: what is in the model folders, told from headers alone; and which folders those are. */

import { statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { DarkroomError, UserError } from '#core/errors';
import { defaultModel, modelRoots } from '#studio/library/roots';
import { type FoundModel, scanModels } from '#studio/library/scan';
import type { CommandContext } from '../command.ts';
import { readConfiguration, writeConfiguration } from '../configuration.ts';
import { configurationFile } from '../configuration-file.ts';
import { describeSource } from '../describe.ts';
import { addModelsOption } from '../studio-folder.ts';
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
  addModelsOption(command)
    .option('--json', 'Print one JSON object a line.')
    .action((options: ModelsOptions) => showModels(options, output));
  command
    .command('add <folders...>')
    .description('Look for models in these folders as well, with every command.')
    .addHelpText('after', '\nExamples:\n  darkroom models add ~/stable-diffusion-webui/models')
    .action((folders: string[]) => changeFolders((known) => [...known, ...folders.map(existingFolder)], output));
  command
    .command('forget <folders...>')
    .description('Look there no more; nothing is removed.')
    .action((folders: string[]) => {
      const given = folders.map((folder) => path.resolve(folder));
      changeFolders((known) => known.filter((folder) => !given.includes(folder)), output);
    });
  addModelsOption(
    command.command('folders').description('Folders in which models are looked for, in their order.'),
  ).action(({ modelsDir }: ModelsOptions) => {
    for (const folder of modelRoots(modelsDir)) output.result(folder);
  });
}

function changeFolders(change: (known: readonly string[]) => readonly string[], output: Output): void {
  const configuration = readConfiguration();
  const folders = [...new Set(change(configuration['models-dir'] ?? []))];
  writeConfiguration({ ...configuration, 'models-dir': folders });
  for (const folder of folders) output.result(folder);
  output.note(`Kept in ${configurationFile()}.`);
}

function existingFolder(folder: string): string {
  const full = path.resolve(folder);
  if (statSync(full, { throwIfNoEntry: false })?.isDirectory()) return full;
  throw new UserError('models.folder', `There is no folder ${full}.`);
}

async function showModels({ modelsDir, json }: ModelsOptions, output: Output): Promise<void> {
  const roots = modelRoots(modelsDir);
  const rows: Row[] = [];
  for (const entry of await scanModels(roots)) rows.push(await rowOf(entry));
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

async function rowOf({ name, path: file, bytes }: FoundModel): Promise<Row> {
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
