/** A model as the library lists it. */

import type { ModelCard, ModelKind } from '#api/records/model';
import type { ModelDescription } from '#models/describe';

export interface LibraryModel {
  readonly id: string;
  readonly kind: ModelKind;
  /** Below its kind's folder, forward slashes, without extension: what requests call it. */
  readonly name: string;
  /** As A1111 shows it: `name.safetensors [0123456789]`; without the hash until that is known. */
  readonly title: string;
  /** Absolute path of the file or diffusers folder. */
  readonly path: string;
  readonly root: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly description: ModelDescription;
  readonly card: ModelCard;
  readonly hasPreview: boolean;
  readonly sha256?: string;
  /** First ten digits of sha256, A1111's. */
  readonly shortHash?: string;
  readonly autoV3?: string;
  readonly legacyHash?: string;
  /** Why it has no hash. */
  readonly hashError?: string;
  /** Ships with Darkroom. */
  readonly embedded: boolean;
}

export interface LibraryEvents {
  /** Models came, went or changed; fetch the list anew. */
  'library.changed': { readonly added: number; readonly removed: number; readonly changed: number };
  'library.scanning': { readonly done: number; readonly total: number; readonly finished: boolean };
  'library.hashing': {
    readonly id: string;
    readonly name: string;
    readonly bytes: number;
    readonly total: number;
    /** Models that still wait, this one included. */
    readonly remaining: number;
  };
}

export interface ModelQuery {
  readonly kind?: ModelKind;
  readonly family?: string;
  /** Words in its name, title, card or trigger words. */
  readonly text?: string;
}
