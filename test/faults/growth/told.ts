/** What is said between the run of growth and its process. */

export interface ToGrowth {
  readonly reader: string;
  readonly size: number;
}

export type FromGrowth =
  | {
      readonly type: 'readers';
      readonly readers: readonly { readonly name: string; readonly most?: number | undefined }[];
    }
  /** Said before it is done, so that it is known what does not come to an end. */
  | { readonly type: 'begins'; readonly shape: string }
  /** Milliseconds of the processor. */
  | { readonly type: 'read'; readonly shape: string; readonly ms: number }
  | { readonly type: 'done' };
