/** What is wrong with a GGUF file. */

import { UserError } from '#core/errors';

export type GgufErrorKind = 'unrecognised' | 'unsupported' | 'malformed' | 'truncated' | 'too-large' | 'bad-tensor';

export class GgufError extends UserError {
  readonly kind: GgufErrorKind;
  readonly file: string;

  constructor(kind: GgufErrorKind, file: string, what: string) {
    super(`gguf.${kind}`, `${file}: ${what}`);
    this.kind = kind;
    this.file = file;
  }
}
