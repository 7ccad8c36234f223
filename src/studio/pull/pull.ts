/** A pull as its watchers see it. */

import type { ModelKind } from '../library/layout.ts';

export const pullStates = ['queued', 'running', 'paused', 'done', 'failed', 'cancelled'] as const;
export type PullState = (typeof pullStates)[number];

export interface PullOptions {
  /** What it is, when the source does not say and its header cannot tell. */
  readonly kind?: ModelKind;
  /** Model folder to put it in; default the first. */
  readonly root?: string;
  /** Of a single file, lower case hex; for sources that do not state one. */
  readonly sha256?: string;
  /** File name to keep a single file under. */
  readonly name?: string;
}

export interface PulledFile {
  readonly name: string;
  readonly done: number;
  /** Unknown until the source has said. */
  readonly total?: number;
  /** Where it lies, once it is there. */
  readonly path?: string;
}

export interface Pull {
  readonly id: string;
  readonly source: string;
  readonly title: string;
  readonly state: PullState;
  readonly options: PullOptions;
  readonly files: readonly PulledFile[];
  readonly done: number;
  /** Over all files; absent while one is unknown. */
  readonly total?: number;
  /** Bytes per second while it runs. */
  readonly speed?: number;
  /** Seconds left while it runs. */
  readonly eta?: number;
  readonly error?: { readonly code: string; readonly message: string };
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly finishedAt?: number;
}

export interface PullEvents {
  'pull.changed': Pull;
  'pull.progress': Pull;
  'pull.removed': { readonly id: string };
}
