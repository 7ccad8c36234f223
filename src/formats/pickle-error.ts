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
  /** Byte of the pickle at which the opcode begins; undefined where no single opcode is at fault. */
  readonly position: number | undefined;
  /** `module.name` of a forbidden global. */
  readonly global: string | undefined;

  constructor(kind: PickleErrorKind, what: string, options: { position?: number; global?: string } = {}) {
    const { position, global } = options;
    super(`pickle.${kind}`, position === undefined ? what : `${what} (byte ${position} of the pickle)`);
    this.kind = kind;
    this.position = position;
    this.global = global;
  }
}
