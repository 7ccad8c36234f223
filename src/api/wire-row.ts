/** What a client must know of an operation to ask for it: no schema, so that the page carries none. */

import { InternalError } from '#core/errors';
import type { Kind, Method } from './operation.ts';
import type { OperationName } from './operations/index.ts';

export type Part = 'path' | 'query' | 'body';

export interface WireRow {
  readonly method: Method;
  /** Placeholders name fields. */
  readonly path: string;
  readonly kind: Kind;
  /** Where each field of the input travels. */
  readonly fields: Readonly<Record<string, Part>>;
}

export type WireRows = Readonly<Record<OperationName, WireRow>>;

/** A request as it is sent. */
export interface WireRequest {
  readonly method: string;
  /** Below the API's base, with its query. */
  readonly path: string;
  /** Fields of the body; undefined for none. */
  readonly body?: Readonly<Record<string, unknown>>;
}

export function requestOf(row: WireRow, input: Readonly<Record<string, unknown>>): WireRequest {
  const query = new Query();
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const part = row.fields[name];
    if (part === 'query') query.add(name, value);
    if (part === 'body') body[name] = value;
  }
  const hasBody = Object.values(row.fields).includes('body');
  return {
    method: row.method.toUpperCase(),
    path: pathOf(row, input) + query.text,
    body: hasBody ? body : undefined,
  };
}

function pathOf({ path }: WireRow, input: Readonly<Record<string, unknown>>): string {
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
