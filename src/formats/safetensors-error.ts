/** What is wrong with a safetensors file, in the reference implementation's kinds (safetensors 0.8, tensor.rs). */

import { atTensor, FormatError } from './format-error.ts';

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

interface Detail {
  /** File name. */
  readonly file: string;
  readonly tensor?: string;
  readonly got: string;
  readonly expected: string;
  /** What the user can do. */
  readonly advice?: string;
}

export function safetensorsError(kind: SafetensorsErrorKind, detail: Detail): FormatError {
  const { file, tensor, got, expected, advice } = detail;
  const what = `got ${got}, expected ${expected}${advice ? `; ${advice}` : ''}`;
  return new FormatError(`safetensors.${kind}`, what, {
    file,
    place: tensor === undefined ? tensor : atTensor(tensor),
  });
}
