/** Recognises a file by its first bytes, to say what a file is when it is not what was expected. */

import { decodeLatin1 } from './text.ts';

/** Bytes to read for `describeSignature`. */
export const SIGNATURE_BYTES = 64;

const signatures: readonly (readonly [pattern: RegExp, description: string])[] = [
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the file itself; fetch the real file (git lfs pull)'],
  [/^\s*<(?:!doctype|html|\?xml)/i, 'a web page; the download returned an error or a login page'],
  [/^PK(?:\x03\x04|\x05\x06)/, 'a zip archive, such as a PyTorch checkpoint (.ckpt, .pt, .bin)'],
  [/^\x80[\x00-\x05]/, 'a Python pickle, such as a legacy PyTorch checkpoint'],
  [/^GGUF/, 'a GGUF file'],
  [/^\x93NUMPY/, 'a NumPy array'],
  [/^\x89HDF/, 'an HDF5 file'],
  [/^\x89PNG/, 'a PNG picture'],
  [/^\xff\xd8\xff/, 'a JPEG picture'],
  [/^RIFF[\s\S]{4}WEBP/, 'a WebP picture'],
  [/^\x1f\x8b/, 'a gzip archive'],
  [/^7z\xbc\xaf/, 'a 7z archive'],
  [/^[\s\S]{8}\s*\{/, 'a safetensors file'],
  [/^\x00+$/, 'zero bytes; the download was not completed'],
];

/**
 * Which reader a file of tensors that begins with `bytes` needs; undefined when they do not tell. safetensors first:
 * the length of its header may look like the start of a pickle, but no pickle has a brace behind two zeros there.
 */
export function tensorContainer(bytes: Uint8Array): 'safetensors' | 'torch' | 'gguf' | undefined {
  const text = decodeLatin1(bytes);
  if (/^[\s\S]{6}\x00\x00\{/.test(text)) return 'safetensors';
  if (text.startsWith('GGUF')) return 'gguf';
  return /^(PK(\x03\x04|\x05\x06)|\x80[\x00-\x05])/.test(text) ? 'torch' : undefined;
}

/** What a file that begins with `bytes` appears to be, as a phrase; undefined when nothing is recognised. */
export function describeSignature(bytes: Uint8Array): string | undefined {
  const text = decodeLatin1(bytes);
  return signatures.find(([pattern]) => pattern.test(text))?.[1];
}
