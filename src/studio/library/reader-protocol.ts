/** What the library and its reader process say to each other. */

import type { ModelDescription } from './describe.ts';
import type { ModelHashes } from './hash.ts';

export interface ToReader {
  readonly type: 'describe' | 'hash';
  readonly id: number;
  readonly path: string;
}

export type FromReader =
  | { readonly type: 'described'; readonly id: number; readonly description: ModelDescription }
  | { readonly type: 'hashed'; readonly id: number; readonly hashes: ModelHashes }
  | { readonly type: 'progress'; readonly id: number; readonly bytes: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
