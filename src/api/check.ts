/** Input against its schema, and the one sentence that says what is wrong with it. */

import type { z } from 'zod';
import { UserError } from '#core/errors';

/** A mistake in a named field of the request. */
export class FieldError extends UserError {
  /** Path of the field, joined by dots; empty for the whole. */
  readonly field: string;

  constructor(field: string, message: string, code = 'request.invalid') {
    super(code, message);
    this.field = field;
  }
}

/** @param path of the value in the request @throws FieldError naming the first field that is wrong */
export function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where = 'request',
  path: readonly PropertyKey[] = [],
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw fieldError(result.error, where, path);
}

function fieldError(error: z.ZodError, where: string, path: readonly PropertyKey[]): FieldError {
  const issue = error.issues[0]!;
  const field = [...path, ...issue.path].join('.');
  return new FieldError(field, `${field === '' ? where : field}: ${issue.message}.`);
}

/** Text from a query or a form as what its field's schema takes: text where that fits, else the JSON value it spells. */
export function coerce(schema: z.ZodType | undefined, text: string): unknown {
  if (!schema || schema.safeParse(text).success) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A list, also one that must not be empty. */
function takesLists(field: z.ZodType): boolean {
  const { success, error } = field.safeParse([]);
  return success || error.issues.every(({ code }) => code === 'too_small');
}

/** Query or form texts by name as input of an object schema; of repeated ones the last counts, unless it is a list. */
export function coerceFields(
  schema: z.ZodObject,
  texts: Iterable<readonly [string, readonly string[]]>,
): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, list] of texts) {
    // A name such as "constructor" must not find what every object inherits.
    const field = Object.hasOwn(schema.shape, name) ? (schema.shape[name] as z.ZodType) : undefined;
    const asList = field !== undefined && takesLists(field);
    values[name] = asList && !list[0]?.startsWith('[') ? [...list] : coerce(field, list.at(-1)!);
  }
  return { ...values };
}
