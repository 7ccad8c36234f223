/** What is wrong with a pickle, with the place. */

import { UserError } from '#core/errors';

export type PickleErrorKind =
  | 'forbidden-global'
  | 'unsupported'
  | 'malformed'
  | 'truncated'
  | 'too-large'
  | 'bad-tensor';

export class PickleError extends UserError {
  readonly kind: PickleErrorKind;
  readonly what: string;
  /** Byte of the pickle at which the opcode begins; undefined where no single opcode is at fault. */
  readonly position: number | undefined;
  /** `module.name` of a forbidden global. */
  readonly global: string | undefined;
  readonly file: string | undefined;

  constructor(
    kind: PickleErrorKind,
    what: string,
    options: { position?: number | undefined; global?: string | undefined; file?: string | undefined } = {},
  ) {
    const { position, global, file } = options;
    const place = position === undefined ? '' : ` (byte ${position} of the pickle)`;
    super(`pickle.${kind}`, `${file === undefined ? '' : `${file}: `}${what}${place}`);
    this.kind = kind;
    this.what = what;
    this.position = position;
    this.global = global;
    this.file = file;
  }

  /** The same error, with the place of the opcode at which it came up. */
  at(position: number): PickleError {
    return new PickleError(this.kind, this.what, { ...this, position: this.position ?? position });
  }

  /** The same error, with the name of the file. */
  inFile(file: string): PickleError {
    return new PickleError(this.kind, this.what, { ...this, file });
  }
}
