/** Multipart forms that anybody may send, with a bound on their parts. */

import { UserError } from '#core/errors';

/** A body of parts: text fields and files by name. */
export interface FormParts<F> {
  /** Every value of a text field, in order. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly files: ReadonlyMap<string, readonly F[]>;
}

/** Fields and files of a form. */
const mostParts = 1000;

/** @param type the content type, which names the boundary. @throws UserError `body.multipart`, `body.too-many` */
export async function parseForm(bytes: Uint8Array, type: string): Promise<FormParts<Uint8Array>> {
  if (hasMorePartsThan(mostParts, bytes))
    throw new UserError('body.too-many', `A form may have ${mostParts} fields and files.`);
  const headers = { 'content-type': type };
  const form = await new Response(bytes as Uint8Array<ArrayBuffer>, { headers }).formData().catch((cause: unknown) => {
    throw new UserError('body.multipart', 'The body is no well-formed multipart form.', { cause });
  });
  const fields = new Map<string, string[]>();
  const files = new Map<string, Uint8Array[]>();
  for (const [name, value] of form.entries()) {
    if (typeof value === 'string') listAt(fields, name).push(value);
    else listAt(files, name).push(new Uint8Array(await value.arrayBuffer()));
  }
  return { fields, files };
}

/** A part has one or two headers that begin so. */
export function hasMorePartsThan(most: number, bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = buffer.indexOf(partHeader); at >= 0; at = buffer.indexOf(partHeader, at + 1)) {
    if (++count > 2 * most) return true;
  }
  return false;
}

const partHeader = 'ontent-';

function listAt<T>(lists: Map<string, T[]>, name: string): T[] {
  const known = lists.get(name);
  if (known) return known;
  const list: T[] = [];
  lists.set(name, list);
  return list;
}
