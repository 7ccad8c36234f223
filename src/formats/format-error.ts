/** What is wrong with a file, with its place: one class for every reader and writer of this room. */

import { UserError } from '#core/errors';
import { quoteName } from './quote-name.ts';

export interface FormatPlace {
  /** File name. */
  readonly file?: string;
  /** Where in the file: `line 3`, `byte 12 of the pickle`. */
  readonly place?: string;
}

export class FormatError extends UserError {
  /** What kind of fault it is, without the format: `malformed`, `truncated`, `too-large`, ... */
  readonly kind: string;
  /** What is wrong, without the place. */
  readonly what: string;
  readonly file: string | undefined;
  readonly place: string | undefined;

  /** @param code format and kind, e.g. `zip.crc` */
  constructor(code: `${string}.${string}`, what: string, at: FormatPlace & { readonly cause?: unknown } = {}) {
    const { file, place, cause } = at;
    const where = [file, place].filter((part) => part !== undefined).join(', ');
    super(code, where === '' ? what : `${where}: ${what}`, { cause });
    this.kind = code.slice(code.indexOf('.') + 1);
    this.what = what;
    this.file = file;
    this.place = place;
  }

  /** The same error, with the place where it did not know it. */
  within({ file, place }: FormatPlace): FormatError {
    const { code, what, cause } = this;
    return new FormatError(code as `${string}.${string}`, what, {
      file: this.file ?? file,
      place: this.place ?? place,
      cause,
    });
  }
}

/** What `work` finds wrong, with the place where it did not know it. */
export async function inPlace<R>(place: FormatPlace, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof FormatError ? error.within(place) : error;
  }
}

/** The place of a tensor. */
export function atTensor(name: string): string {
  return `tensor ${quoteName(name)}`;
}
