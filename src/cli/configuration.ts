/**
 * What is set once instead of at every command: environment variables, and a file of a user's own. A flag goes before a
 * variable, a variable before the file; folders with models add up.
 */

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { configurationFile, type Environment } from './configuration-file.ts';
import { optionKey } from './fields.ts';
import { UsageError } from './usage-error.ts';

const texts = z.union([z.string(), z.array(z.string())]);

/** Flags that may be set so; in the file by these names, in the environment as DARKROOM_MODELS_DIR and its like. */
export const configurationSchema = z.strictObject({
  'models-dir': z.array(z.string()).optional().describe('Folders with models.'),
  outputs: z.string().optional(),
  data: z.string().optional(),
  host: z.string().optional(),
  port: z.coerce.string().optional(),
  token: z.string().optional(),
  device: texts.optional(),
  threads: z.coerce.string().optional(),
  'memory-budget': z.coerce.string().optional(),
  'memory-limit': z.coerce.string().optional(),
  'log-level': z.string().optional(),
  'allow-host': z.array(z.string()).optional(),
  'allow-origin': z.array(z.string()).optional(),
});

export type Configuration = z.output<typeof configurationSchema>;
type Name = keyof Configuration;

/** @throws UsageError `config.invalid` naming the file */
export function readConfiguration(file = configurationFile()): Configuration {
  if (!existsSync(file)) return {};
  try {
    return configurationSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const first = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const reason = first ? `${first.path.join('.') || 'it'}: ${first.message}` : (cause as Error).message;
    throw new UsageError('config.invalid', `The configuration ${file} cannot be used: ${reason}.`, { cause });
  }
}

/** The file is there whole or as it was. */
export function writeConfiguration(values: Configuration, file = configurationFile()): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(values, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

/** Changes the model folders that are set in the file. @returns them as they are now */
export function changeModelFolders(change: (known: readonly string[]) => readonly string[]): readonly string[] {
  const configuration = readConfiguration();
  const folders = [...new Set(change(configuration['models-dir'] ?? []))];
  writeConfiguration({ ...configuration, 'models-dir': folders });
  return folders;
}

/** Gives a command's options the values that are set in the environment and the file. */
export function applyConfiguration(command: Command, environment: Environment = process.env): void {
  const file = readConfiguration(configurationFile(environment));
  for (const name of Object.keys(configurationSchema.shape) as Name[]) {
    const option = command.options.find(({ long }) => long === `--${name}`);
    if (!option) continue;
    const key = optionKey(name);
    const isList = option.parseArg !== undefined;
    const set = fromEnvironment(name, environment, isList) ?? file[name];
    if (name === 'models-dir') {
      const folders = [command.getOptionValue(key), fromEnvironment(name, environment, true), file[name]].flat();
      command.setOptionValueWithSource(key, folders.filter(Boolean), 'config');
    } else if (set !== undefined && command.getOptionValueSource(key) !== 'cli') {
      command.setOptionValueWithSource(key, isList ? [set].flat() : [set].flat()[0], 'config');
    }
  }
}

/** Lists are separated as PATH is. */
function fromEnvironment(name: Name, environment: Environment, isList: boolean): string | string[] | undefined {
  const text = environment[`DARKROOM_${name.toUpperCase().replaceAll('-', '_')}`];
  if (text === undefined || text === '') return undefined;
  return isList ? text.split(name === 'models-dir' ? path.delimiter : ',').filter(Boolean) : text;
}
