/** CLIP's tokenizer, one for all models of a process: its vocabulary takes megabytes and is always the same. */

import { createClipTokenizer, type Tokenizer } from '#prompt/tokenizer';

let shared: Tokenizer | undefined;

export function clipTokenizer(): Tokenizer {
  shared ??= createClipTokenizer();
  return shared;
}
