/** What is wrong with a PyTorch checkpoint, beyond its archive (ZipError) and its pickle (PickleError). */

import { UserError } from '#core/errors';

export type CheckpointErrorKind = 'unrecognised' | 'unsupported' | 'malformed' | 'truncated' | 'bad-tensor';

export class CheckpointError extends UserError {
  readonly kind: CheckpointErrorKind;
  readonly file: string;

  constructor(kind: CheckpointErrorKind, file: string, what: string) {
    super(`checkpoint.${kind}`, `${file}: ${what}`);
    this.kind = kind;
    this.file = file;
  }
}
