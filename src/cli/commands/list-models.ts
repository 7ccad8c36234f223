/** `darkroom models`: what is in the model folders, told from headers alone; and which folders those are. */

import path from 'node:path';
import type { Command } from 'commander';
import { existingFolder, modelRoots } from '#studio/library/roots';
import { type CommandContext, modelsOption } from '../command.ts';
import { changeModelFolders } from '../configuration.ts';
import { configurationFile } from '../configuration-file.ts';
import { defineOperation } from '../operations.ts';
import type { FolderOptions } from '../studio-folder.ts';
import type { Output } from '../terminal.ts';

export function define(command: Command, context: CommandContext): void {
  const { output } = context;
  const examples = [
    'models',
    'models fox --kind lora',
    'models add ~/stable-diffusion-webui/models',
    'models add examples',
  ];
  defineOperation(command, 'listModels', { usage: 'models [text...]', bare: true, examples }, context);
  command
    .command('add <folders...>')
    .description(
      'Look for models in these folders as well, with every command; `examples`: those that come with Darkroom.',
    )
    .action((folders: string[]) => changeFolders((known) => [...known, ...folders.map(existingFolder)], output));
  command
    .command('forget <folders...>')
    .description('Look there no more; nothing is removed.')
    .action((folders: string[]) => {
      const given = folders.map((folder) => path.resolve(folder));
      changeFolders((known) => known.filter((folder) => !given.includes(folder)), output);
    });
  const folders = command.command('folders').description('Folders in which models are looked for, in their order.');
  folders.addOption(modelsOption()).action(({ modelsDir }: FolderOptions) => {
    for (const folder of modelRoots(modelsDir)) output.result(folder);
  });
}

function changeFolders(change: (known: readonly string[]) => readonly string[], output: Output): void {
  const folders = changeModelFolders(change);
  for (const folder of folders) output.result(folder);
  output.note(`Kept in ${configurationFile()}.`);
}
