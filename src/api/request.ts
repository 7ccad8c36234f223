/** Where an operation's fields travel in a request: the path by its placeholders, then query or body. */

import { z } from 'zod';
import type { FieldMeta, Operation } from './operation.ts';
import { operations } from './operations/index.ts';
import type { Part, WireRow, WireRows } from './wire-row.ts';

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

export function wireRowOf(operation: Operation): WireRow {
  const fields = Object.entries(operation.input.shape) as [string, z.ZodType][];
  const { method, path, kind } = operation;
  const parts = fields.map(([name, field]) => [name, partOf(operation, name, field)] as const);
  return { method, path, kind, fields: Object.fromEntries(parts) };
}

/**
 * Of every operation, for clients.
 * @internal `tools/wire-rows.mjs` runs it when the page is built
 */
export function wireRows(): WireRows {
  const rows = Object.entries<Operation>(operations).map(([name, row]) => [name, wireRowOf(row)] as const);
  return Object.fromEntries(rows) as WireRows;
}
