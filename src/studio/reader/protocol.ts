/** What the studio and a reader process say to each other. */

import type { WireError } from '../engine-host/protocol.ts';
import type { TaskName } from './tasks.ts';

export interface ToReader {
  readonly task: TaskName;
  readonly path: string;
}

export type FromReader =
  | { readonly type: 'progress'; readonly bytes: number }
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: WireError };
