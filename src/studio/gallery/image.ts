/** What the gallery knows about a picture, and what can be asked of it. */

import type { GalleryPicture } from '#api/records/picture';
import type { PixelImage } from '#core/image';
import type { ModelReference } from '#pipelines/request';
import type { ImageFormat } from '../images/codec.ts';
import type { StoredRequest } from '../queue/job.ts';

export type GalleryImage = GalleryPicture;

export interface NewPicture {
  readonly job: string;
  readonly index: number;
  readonly user: string;
  readonly image: PixelImage;
  readonly format: ImageFormat;
  /** JPEG and WebP. */
  readonly quality?: number;
  readonly seed: number;
  readonly infotext: string;
  readonly model: ModelReference;
  readonly request: StoredRequest;
}

export interface ImageQuery {
  /** Words that the prompt holds (beginnings of words count; `"a phrase"`, `-without`). */
  readonly text?: string;
  /** Model name or hash. */
  readonly model?: string;
  readonly sampler?: string;
  /** Milliseconds since 1970, both ends inclusive. */
  readonly from?: number;
  readonly to?: number;
  readonly minRating?: number;
  /** All of them. */
  readonly tags?: readonly string[];
  readonly board?: string;
  readonly user?: string;
  readonly job?: string;
  /** Pictures in the trash instead of those in the gallery. */
  readonly trashed?: boolean;
  /** Pictures whose files are away instead of those that are there. */
  readonly away?: boolean;
  readonly order?: 'newest' | 'oldest' | 'rating';
  /** At most 500; default 50. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface ImagePage {
  readonly images: readonly GalleryImage[];
  /** Give it as `cursor` for the next page; absent on the last. */
  readonly cursor?: string;
}

export interface RebuildReport {
  /** Files that had no entry. */
  readonly added: number;
  /** Entries whose file is not there now; what was said of them is kept till it comes back. */
  readonly away: number;
  /** Of the kept ones, those that had been away. */
  readonly back: number;
  readonly kept: number;
  /** Files that could not be read, with the reason. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

export interface GalleryEvents {
  'image.added': GalleryImage;
  'image.changed': GalleryImage;
  'image.removed': { readonly id: string };
  'boards.changed': { readonly user: string };
  'gallery.rebuild': { readonly seen: number; readonly finished: boolean };
}
