/** The native API's answers as types, from the schemas that check them: for clients in TypeScript, such as the page. */

import type { z } from 'zod';
import type { statusSchema } from '#api/operations/system';
import type { jobSchema, progressSchema, queueStateSchema } from '#api/records/job';
import type { limitsSchema, modelSchema } from '#api/records/model';
import type { pictureSchema } from '#api/records/picture';
import type { pullSchema } from '#api/records/pull';
import type { SettingsValues } from '#api/records/settings';
import type { LibraryEvents } from '#studio/library/model';

export type WireJob = z.output<typeof jobSchema>;
export type WireProgress = z.output<typeof progressSchema>;
export type WireQueue = z.output<typeof queueStateSchema>;
export type WireImage = z.output<typeof pictureSchema>;
export type WireModel = z.output<typeof modelSchema>;
export type WirePull = z.output<typeof pullSchema>;
export type WireLimits = z.output<typeof limitsSchema>;
export type WireStatus = z.output<typeof statusSchema>;
export type WireSettings = SettingsValues;

export interface WireJobPage {
  readonly jobs: WireJob[];
  readonly cursor?: string;
}

export interface WireImagePage {
  readonly images: WireImage[];
  readonly total: number;
  readonly cursor?: string;
}

/** Data of server-sent events by type: those that change what a client shows. Others are sent as well. */
export interface WireEvents {
  readonly 'job.added': WireJob;
  readonly 'job.changed': WireJob;
  readonly 'job.removed': { readonly id: string };
  readonly 'job.progress': WireProgress;
  readonly 'job.preview': { readonly id: string; readonly batch: number; readonly preview: number };
  readonly 'image.added': WireImage;
  readonly 'image.changed': WireImage;
  readonly 'image.removed': { readonly id: string };
  readonly queue: WireQueue;
  readonly engine: WireStatus['engines'][number];
  readonly 'settings.changed': WireSettings;
  readonly 'library.changed': { readonly added: number; readonly removed: number; readonly changed: number };
  readonly 'library.scanning': LibraryEvents['library.scanning'];
  readonly 'library.hashing': LibraryEvents['library.hashing'];
  readonly 'pull.changed': WirePull;
  readonly 'pull.progress': WirePull;
  readonly 'pull.removed': { readonly id: string };
  readonly reset: { readonly reason: string };
}
