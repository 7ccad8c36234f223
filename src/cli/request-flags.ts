/** The flags of a generation request, from the rows of its settings. */

import type { Command } from 'commander';
import { type GenerateRequest, generateSchema } from '#pipelines/request';
import { type Preference, preferable, preferring, settingRows } from '#pipelines/settings/index';
import { addFlags, fieldsOf, givenFlags, optionKey, optionOf, readFields, type Texts } from './fields.ts';

/** Fields that A1111's users know under a shorter name; the longer one is understood as well. */
const shortNames = new Map<string, string>(
  settingRows.flatMap(([name, { flag }]) => (flag === undefined ? [] : [[name, flag]])),
);

const longFields = fieldsOf(generateSchema);
const fields = longFields.map((field) => ({ ...field, flag: shortNames.get(field.name) ?? field.flag }));
const renamed = longFields.filter(({ name }) => shortNames.has(name));

export function addRequestFlags(command: Command): void {
  addFlags(command, fields);
  for (const field of renamed) command.addOption(optionOf(field, field.flag!).hideHelp());
}

/** The request with what its model prefers in the place of flags that were not given. */
export function withPreference(
  request: GenerateRequest,
  options: Texts,
  preference: Preference | undefined,
): GenerateRequest {
  const given = givenFlags(fields, options);
  const open = preferable.filter((name) => given[name] === undefined);
  return preferring(
    { ...request, ...Object.fromEntries(open.map((name) => [name, undefined])) },
    { ...pick(request, open), ...preference },
  );
}

function pick<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>;
}

/** The request that parsed flags ask for. @throws UsageError that names each flag, what it got and what it takes */
export function readRequest(options: Texts): GenerateRequest {
  const long = renamed.flatMap(({ name, flag }) => {
    const value = options[optionKey(flag!)];
    return value === undefined ? [] : [[name, value] as const];
  });
  return readFields(generateSchema, fields, { ...Object.fromEntries(long), ...givenFlags(fields, options) });
}
