/**
 * The flags of a generation request, from the one schema that says what can be asked for: names, kinds, defaults and
 * help come from there.
 */

import { type Command, Option } from 'commander';
import { z } from 'zod';
import { UserError } from '#core/errors';
import { type GenerateRequest, generateSchema } from '#pipelines/request';
import { settingRows } from '#pipelines/settings/index';

/** What the JSON schema of a field says, as far as flags need it. */
interface FieldFacts {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
}

/** Fields that A1111's users know under a shorter name; the longer one is understood as well. */
const shortNames: Readonly<Record<string, string>> = Object.fromEntries(
  settingRows.flatMap(([name, { flag }]) => (flag === undefined ? [] : [[name, flag]])),
);

const fields: readonly (readonly [name: string, facts: FieldFacts])[] = Object.entries(
  z.toJSONSchema(generateSchema, { io: 'input' }).properties as Record<string, FieldFacts>,
);

const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** `--cfg-scale` for `cfgScale`. */
export function flagOf(field: string): string {
  return `--${kebab(shortNames[field] ?? field)}`;
}

const placeholders: Readonly<Record<string, string>> = { integer: '<n>', number: '<x>', string: '<text>' };

export function addRequestFlags(command: Command): void {
  for (const [name, facts] of fields) {
    command.addOption(optionOf(flagOf(name), facts));
    if (shortNames[name]) command.addOption(optionOf(`--${kebab(name)}`, facts).hideHelp());
  }
}

function optionOf(flag: string, { type, description, enum: values, default: otherwise }: FieldFacts): Option {
  const shown = values ? `<${values.map((v) => v.toLowerCase()).join('|')}>` : placeholders[type ?? 'string'];
  const help =
    otherwise === undefined || otherwise === '' || type === 'boolean' ? '' : ` (default: ${String(otherwise)})`;
  return new Option(type === 'boolean' ? flag : `${flag} ${shown}`, `${description ?? ''}${help}`);
}

/**
 * The request that parsed flags ask for.
 * @throws UserError that names the flag, what it got and what it takes
 */
export function readRequest(options: Readonly<Record<string, unknown>>): GenerateRequest {
  const raw: Record<string, unknown> = {};
  const given: Record<string, unknown> = {};
  for (const [name, facts] of fields) {
    const value = options[shortNames[name] ?? name] ?? options[name];
    if (value === undefined) continue;
    raw[name] = value;
    given[name] = typedValue(value, facts);
  }
  const parsed = generateSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const first = new Map(parsed.error.issues.toReversed().map((issue) => [issue.path[0], issue]));
  const sentences = parsed.error.issues.filter((issue) => first.get(issue.path[0]) === issue);
  throw new UserError('request.invalid', sentences.map((issue) => sentenceOf(issue, raw)).join(' '));
}

/** Text of a flag as its field's type; what does not fit is left for the schema to refuse. */
function typedValue(value: unknown, { type, enum: values }: FieldFacts): unknown {
  if (typeof value !== 'string') return value;
  if (values) return values.find((v) => sameWord(v, value)) ?? value;
  if (type !== 'integer' && type !== 'number') return value;
  const number = Number(value);
  return value.trim() === '' || Number.isNaN(number) ? value : number;
}

function sameWord(a: string, b: string): boolean {
  const bare = (text: string): string => text.toLowerCase().replace(/[\s_-]+/g, '');
  return bare(a) === bare(b);
}

function sentenceOf(issue: z.core.$ZodIssue, raw: Readonly<Record<string, unknown>>): string {
  const field = String(issue.path[0] ?? '');
  return `${flagOf(field)} ${ruleOf(issue)}; got ${shown(raw[field])}.`;
}

/** Numbers as they were written, other text in quotes. */
function shown(value: unknown): string {
  const text = String(value);
  return text.trim() !== '' && !Number.isNaN(Number(text)) ? text : JSON.stringify(text);
}

function ruleOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_type':
      return issue.expected === 'int' ? 'must be a whole number' : `must be a ${issue.expected}`;
    default:
      return issue.message.replace(/, got .*$/, '');
  }
}
