/** What a handler of an operation is given, and what it may answer. */

import type { FileHandle } from 'node:fs/promises';
import type { z } from 'zod';
import type { Operation } from '#api/operation';
import type { OperationName, Operations } from '#api/operations/index';
import type { Caller } from '#api/rights';
import type { Upload } from '../reader/large-bodies.ts';
import type { Studio } from '../studio.ts';
import type { StudioFolder } from '../studio-folder.ts';

export interface Context<Runs extends boolean = boolean> {
  /** The folder alone where that is enough. */
  readonly studio: Runs extends true ? Studio : StudioFolder;
  readonly caller: Caller;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
  /** Of Darkroom. */
  readonly version: string;
  /** The picture that a text in a request stands for, as it came. @throws UserError `image.*`, `net.*` */
  readonly readPicture: (source: string) => Promise<Upload>;
}

/** A file as an answer. */
export interface FileAnswer {
  readonly type: string;
  readonly body: Uint8Array | FileHandle | AsyncIterable<Uint8Array>;
  /** Never changes under its address. */
  readonly immutable?: boolean;
  /** To be saved under this name rather than shown. */
  readonly saveAs?: string;
  /** Id of the picture that it is, where the address does not say. */
  readonly picture?: string;
  /** What was asked for and not acted on. */
  readonly warnings?: readonly string[];
}

type AnswerOf<Op extends Operation> = Op['kind'] extends 'file' ? FileAnswer : z.input<Op['output']>;

export type Handler<Op extends Operation> = (
  input: z.output<Op['input']>,
  context: Context<Op['runs']>,
) => AnswerOf<Op> | Promise<AnswerOf<Op>>;

/** Kinds that are about the connection they come over are the face's own. */
type OfConnection = 'events' | 'socket' | 'session';

export type HandledName = {
  [N in OperationName]: Operations[N]['kind'] extends OfConnection ? never : N;
}[OperationName];

export type Handlers = { readonly [N in HandledName]: Handler<Operations[N]> };

/** Those of some nouns. */
export type HandlersOf<Rows> = Pick<Handlers, keyof Rows & HandledName>;
