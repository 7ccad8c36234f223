/** What is wrong with a safetensors file, with the reference implementation's kinds (safetensors 0.8, tensor.rs). */

import { UserError } from '#core/errors';
import { quoteName } from './quote-name.ts';

/**
 * The reference's kinds, and three of our own: `duplicate-key` (the reference keeps the last of two equal entries),
 * `too-many-tensors` (a limit against hostile headers) and `invalid-tensor` (what a writer was given).
 */
export type SafetensorsErrorKind =
  | 'header-too-small'
  | 'header-too-large'
  | 'invalid-header-length'
  | 'invalid-header'
  | 'invalid-header-deserialization'
  | 'tensor-invalid-info'
  | 'invalid-offset'
  | 'metadata-incomplete-buffer'
  | 'validation-overflow'
  | 'misaligned-slice'
  | 'duplicate-key'
  | 'too-many-tensors'
  | 'invalid-tensor';

export interface SafetensorsErrorDetail {
  /** File name. */
  readonly file: string;
  readonly tensor?: string;
  readonly got: string;
  readonly expected: string;
  /** What the user can do. */
  readonly advice?: string;
}

export class SafetensorsError extends UserError {
  readonly kind: SafetensorsErrorKind;
  readonly file: string;
  readonly tensor: string | undefined;
  readonly got: string;
  readonly expected: string;

  constructor(kind: SafetensorsErrorKind, detail: SafetensorsErrorDetail) {
    const { file, tensor, got, expected, advice } = detail;
    const where = tensor === undefined ? file : `${file}: tensor ${quoteName(tensor)}`;
    super(`safetensors.${kind}`, `${where}: got ${got}, expected ${expected}${advice ? `; ${advice}` : ''}`);
    this.kind = kind;
    this.file = file;
    this.tensor = tensor;
    this.got = got;
    this.expected = expected;
  }
}
