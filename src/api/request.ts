/** Where an operation's fields travel in a request: the path by its placeholders, then query or body. */

import { z } from 'zod';
import { InternalError } from '#core/errors';
import type { FieldMeta, Operation } from './operation.ts';

export type Part = 'path' | 'query' | 'body';

/** An operation's fields, told apart by where they travel; a part without fields is absent. */
export interface Parts {
  readonly path?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Strict: what is not acted on is refused. */
  readonly body?: z.ZodObject;
}

/** What a field says about itself, also where it may be left out, has a default, or is a list. */
export function metaOf(schema: z.ZodType): FieldMeta {
  const inner =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault
      ? (schema.unwrap() as z.ZodType)
      : schema instanceof z.ZodArray
        ? (schema.element as z.ZodType)
        : undefined;
  return { ...(inner && metaOf(inner)), ...(schema.meta() as FieldMeta | undefined) };
}

export function partOf({ method, path }: Pick<Operation, 'method' | 'path'>, name: string, field: z.ZodType): Part {
  if (path.includes(`{${name}}`)) return 'path';
  return method === 'get' || method === 'delete' ? 'query' : (metaOf(field).in ?? 'body');
}

export function partsOf(operation: Operation): Parts {
  const shapes: Partial<Record<Part, Record<string, z.ZodType>>> = {};
  for (const [name, field] of Object.entries(operation.input.shape)) {
    const part = partOf(operation, name, field);
    shapes[part] = { ...shapes[part], [name]: field };
  }
  const { path, query, body } = shapes;
  return {
    path: path && z.object(path),
    query: query && z.object(query),
    body: body && z.strictObject(body),
  };
}

/** A request as it is sent. */
export interface WireRequest {
  readonly method: string;
  /** Below the API's base, with its query. */
  readonly path: string;
  /** Fields of the body; undefined for none. */
  readonly body?: Readonly<Record<string, unknown>>;
}

export function requestOf(operation: Operation, input: Readonly<Record<string, unknown>>): WireRequest {
  const query = new Query();
  const body: Record<string, unknown> = {};
  const fields = operation.input.shape as Record<string, z.ZodType>;
  for (const [name, value] of Object.entries(input)) {
    const field = fields[name];
    if (value === undefined || !field) continue;
    const part = partOf(operation, name, field);
    if (part === 'query') query.add(name, value);
    if (part === 'body') body[name] = value;
  }
  const hasBody = Object.entries(fields).some(([name, field]) => partOf(operation, name, field) === 'body');
  return {
    method: operation.method.toUpperCase(),
    path: pathOf(operation, input) + query.text,
    body: hasBody ? body : undefined,
  };
}

function pathOf({ path }: Operation, input: Readonly<Record<string, unknown>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = input[name];
    if (value === undefined) throw new InternalError(`${path} was called without ${name}`);
    return encodeURIComponent(String(value));
  });
}

/** Lists are repeated names. */
class Query {
  text = '';

  add(name: string, value: unknown): void {
    for (const each of Array.isArray(value) ? value : [value]) {
      this.text += `${this.text === '' ? '?' : '&'}${name}=${encodeURIComponent(String(each))}`;
    }
  }
}
