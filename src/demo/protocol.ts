/** What the page asks of its worker, and what that tells. One order is worked on at a time; all data is cloned. */

import type { PixelImage } from '#core/image';
import type { ModelLimits } from '#models/family';
import type { GenerateEvent } from '#pipelines/request';
import type { Preference } from '#pipelines/settings/index';

export type Order =
  /** Files from the visitor's disk, a model and what belongs to it. */
  | { readonly type: 'open'; readonly files: readonly File[] }
  /** A model at an address. */
  | { readonly type: 'fetch'; readonly address: string }
  /** Settings of a request, checked where they arrive. */
  | { readonly type: 'draw'; readonly settings: Readonly<Record<string, unknown>> }
  | { readonly type: 'train'; readonly training: TrainingAsked }
  /** Ends what is worked on after its step. */
  | { readonly type: 'stop' };

export interface TrainingAsked {
  /** What a prompt calls the result. */
  readonly name: string;
  /** In the size that is trained on, each with what is said of it. */
  readonly pictures: readonly { readonly image: PixelImage; readonly caption: string }[];
  /** Of a LoRA, by their names in `training/settings/methods.ts`. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface OpenedModel {
  readonly name: string;
  readonly family: string;
  readonly limits: Pick<ModelLimits, 'defaultSize' | 'gridMultiple'>;
  /** What stands for settings that are left open. */
  readonly preference: Preference;
}

export type News =
  | { readonly type: 'device'; readonly text: string }
  | { readonly type: 'reading'; readonly bytes: number; readonly totalBytes: number | undefined }
  | { readonly type: 'opened'; readonly model: OpenedModel }
  | { readonly type: 'event'; readonly event: Exclude<GenerateEvent, { type: 'image' }> }
  | { readonly type: 'picture'; readonly png: Blob; readonly infotext: string }
  | { readonly type: 'step'; readonly step: number; readonly steps: number; readonly loss: number }
  | { readonly type: 'trained'; readonly name: string; readonly file: Blob }
  /** The order is done, or was stopped. */
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly message: string };
