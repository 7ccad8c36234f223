/**
 * Flags and arguments from a schema: names, kinds, bounds, defaults and help stand there and nowhere else. Texts become
 * values of their field's type, and what does not fit is told with the name of its flag, all of it at once.
 */

import { type Command, Option } from 'commander';
import { z } from 'zod';
import type { FieldMeta } from '#api/operation';
import { metaOf } from '#api/request';
import { gather } from './command.ts';
import { UsageError } from './usage-error.ts';

/** What the JSON schema of a field says, as far as flags need it. */
interface FieldFacts {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: FieldFacts;
  /** Of settings: where they stand together. */
  readonly group?: string;
}

export interface Field {
  readonly name: string;
  readonly facts: FieldFacts;
  readonly meta: FieldMeta;
  /** Without the dashes; undefined where there is no flag. */
  readonly flag: string | undefined;
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

export function fieldsOf(schema: z.ZodObject): Field[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries(json.properties as Record<string, FieldFacts>).map(([name, facts]) => {
    const meta = metaOf(schema.shape[name] as z.ZodType);
    const flag = meta.secret || meta.flag === false ? undefined : (meta.flag ?? kebab(name));
    return { name, facts, meta, flag };
  });
}

const placeholders: Readonly<Record<string, string>> = { integer: '<n>', number: '<x>', string: '<text>' };

export function addFlags(command: Command, fields: readonly Field[]): void {
  for (const field of fields) if (field.flag !== undefined) command.addOption(optionOf(field, field.flag));
}

export function optionOf(field: Field, flag: string): Option {
  const option = bareOption(field, flag);
  const { group } = field.facts;
  return group === undefined ? option : option.helpGroup(`${group[0]!.toUpperCase()}${group.slice(1)}:`);
}

function bareOption({ facts, meta }: Field, flag: string): Option {
  const { type = 'string', description = '', default: otherwise } = facts;
  const isPlain = otherwise === undefined || otherwise === '' || typeof otherwise === 'object' || type === 'boolean';
  const help = `${description}${isPlain ? '' : ` (default: ${String(otherwise)})`}`;
  if (type === 'boolean' && otherwise === true) return new Option(`--no-${flag}`, `Turns off: ${help}`);
  if (type === 'boolean') return new Option(`--${flag}`, help);
  if (type === 'array') {
    const { enum: values } = facts.items ?? {};
    if (values) return new Option(`--${flag} <${values.join('|')}...>`, help);
    return new Option(`--${flag} <text>`, help).argParser(gather);
  }
  const shown = facts.enum ? `<${facts.enum.map((value) => value.toLowerCase()).join('|')}>` : placeholders[type];
  return new Option(`--${flag} ${meta.day ? '<day or time>' : meta.unit ? '<n>' : shown}`, help);
}

/** Name under which commander keeps a flag's value. */
export const optionKey = (flag: string): string => flag.replaceAll(/-(\w)/g, (_, c: string) => c.toUpperCase());

export type Texts = Readonly<Record<string, unknown>>;

/** Values given by flags, by field. */
export function givenFlags(fields: readonly Field[], options: Texts): Record<string, unknown> {
  const flags = fields.filter(({ flag }) => flag !== undefined);
  const given = flags.map(({ name, flag, facts }) => {
    const value = options[optionKey(flag!)];
    // What a --no-flag is when nobody gave it.
    return [name, value === true && facts.default === true ? undefined : value] as const;
  });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/**
 * The values that texts stand for.
 * @param name how a field is called in sentences; default by its flag
 * @throws UsageError that names each wrong field, what it got and what it takes
 */
export function readFields<S extends z.ZodObject>(
  schema: S,
  fields: readonly Field[],
  texts: Texts,
  name: (field: Field) => string = ({ name: own, flag }) => (flag === undefined ? own : `--${flag}`),
): z.output<S> {
  const known = fields.filter((field) => texts[field.name] !== undefined);
  const given = Object.fromEntries(
    known.map((field) => [field.name, fieldValue(field, texts[field.name], name(field))]),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const first = issues.filter((issue, i) => issues.findIndex(({ path }) => path[0] === issue.path[0]) === i);
  const sentences = first.map((issue) => {
    const field = fields.find((each) => each.name === issue.path[0]);
    if (!field) return `${issue.message[0]?.toUpperCase()}${issue.message.slice(1)}.`;
    return `${name(field)} ${ruleOf(issue)}; got ${shown(texts[field.name])}.`;
  });
  throw new UsageError('request.invalid', sentences.join(' '));
}

/** Text as its field's type; what does not fit is left for the schema to refuse. */
function fieldValue({ facts, meta }: Field, value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.flatMap((each) => listed(each, facts.items ?? {}));
  if (typeof value !== 'string') return value;
  if (meta.day) return timeOf(name, value, meta.day);
  const number = typed(value, facts);
  return meta.unit !== undefined && typeof number === 'number' ? number * meta.unit : number;
}

/** Numbers of a list may stand behind one flag, with commas between them. */
function listed(value: unknown, items: FieldFacts): unknown[] {
  const isNumber = items.type === 'number' || items.type === 'integer';
  const parts = isNumber && typeof value === 'string' ? value.split(',') : [value];
  return parts.map((part) => typed(part, items));
}

function typed(value: unknown, { type, enum: values }: FieldFacts): unknown {
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

/** A day stands for its first or its last moment, both local. */
function timeOf(name: string, text: string, edge: 'start' | 'end'): number {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const time = Date.parse(isDay ? `${text}T${edge === 'start' ? '00:00:00.000' : '23:59:59.999'}` : text);
  if (!Number.isNaN(time) && /^\d{4}-\d{2}-\d{2}/.test(text)) return time;
  throw new UsageError('flag.date', `${name} must be a day like 2026-11-23 or a time; got ${JSON.stringify(text)}.`);
}

/** Numbers as they were written, other text in quotes. */
function shown(value: unknown): string {
  const text = String(value);
  return text.trim() !== '' && !Number.isNaN(Number(text)) ? text : JSON.stringify(text);
}

function ruleOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      return `must ${issue.origin === 'string' || issue.origin === 'array' ? 'have' : 'be'} at least ${issue.minimum}`;
    case 'too_big':
      return `must ${issue.origin === 'string' || issue.origin === 'array' ? 'have' : 'be'} at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_type':
      return issue.expected === 'int' ? 'must be a whole number' : `must be a ${issue.expected}`;
    default:
      return issue.message.replace(/, got .*$/, '');
  }
}
