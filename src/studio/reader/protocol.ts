/** What the studio and a reader process say to each other. */

import type { WireError } from '../engine-host/protocol.ts';
import type { TaskName } from './tasks.ts';

export interface ToReader {
  readonly task: TaskName;
  /** What the task of that name takes: most often a path. */
  readonly input: unknown;
}

export type FromReader =
  /** It has been started and hears. */
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly bytes: number }
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: WireError };
