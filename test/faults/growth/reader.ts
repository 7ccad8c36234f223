/** What is held to grow: one parser, with inputs of any size that are the worst for it. */

/** By what they are, each of about that many characters or bytes. */
export type Shapes<T> = (size: number) => Readonly<Record<string, T>>;

export interface Reader {
  readonly name: string;
  /** Larger inputs are refused unread; so many characters or bytes. */
  readonly most?: number | undefined;
  /** Each shape with what reads it; refusals may be thrown. */
  readonly shapes: (size: number) => readonly (readonly [shape: string, read: () => unknown])[];
}
