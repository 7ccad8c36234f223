/** What a source comes down to: the files to fetch and where they go. */

import type { ModelCard, ModelKind } from '#api/records/model';

export interface PlannedFile {
  /** Web address, or absolute path of a local file. */
  readonly from: string;
  /** Path below the target folder, forward slashes; a single name unless it is part of a folder. */
  readonly name: string;
  readonly bytes?: number;
  /** Lower case hex, when the source states it. */
  readonly sha256?: string;
  /** Whose token may be sent with the request. */
  readonly credentials?: 'hugging-face' | 'civitai';
  /** Hugging Face: where it lies in the hub's cache. */
  readonly hub?: HubPlace;
}

export interface HubPlace {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
  readonly path: string;
  /** Name of its blob: sha256 of large files, git's object id of small ones. */
  readonly etag: string;
}

export interface PullPlan {
  readonly title: string;
  /** What it is, when the source says so; otherwise its header will tell. */
  readonly kind?: ModelKind;
  readonly files: readonly PlannedFile[];
  /** Written beside the model. */
  readonly card: ModelCard;
  /** The files belong together in a folder of this name (a diffusers model). */
  readonly folder?: string;
}
