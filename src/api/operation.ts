/**
 * What an operation is: one row from which the HTTP route, its description, the page's client and the command come.
 *
 * A row holds no code. What it does is a studio method of the same name (`#studio/operations`); what a face must do
 * besides JSON in and JSON out, it says by `kind` and `form`, and each face has one adapter for that.
 *
 * Fields of `input` may say more about themselves with zod's `.meta()`: see `FieldMeta`.
 */

import { z } from 'zod';
import type { Effect } from './rights.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/**
 * `json`: a value of `output`, or nothing. `file`: bytes with a media type. `events`: what happens, without an end.
 * `socket`: the same over a WebSocket. `session`: acts on the connection that asks (cookies), over HTTP only.
 */
export type Kind = 'json' | 'file' | 'events' | 'socket' | 'session';

export interface Operation<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodType = z.ZodType,
  K extends Kind = Kind,
  R extends boolean = boolean,
> {
  readonly method: Method;
  /** Placeholders name fields of the input: `/jobs/{id}`. */
  readonly path: string;
  /** Heading under which people find it. */
  readonly tag: string;
  readonly summary: string;
  /** What it may change; nothing when left out. The least role that may call it follows. */
  readonly changes: readonly Effect[];
  /** Fields of the path by its placeholders; the others are the query's of GET and DELETE, the body's of the rest. */
  readonly input: I;
  /** `z.void()`: there is nothing to say. */
  readonly output: O;
  readonly kind: K;
  /** Media type of a file. */
  readonly media?: string;
  /** Where it is not 200, or 204 for nothing. */
  readonly status?: 201 | 202;
  /** Pictures may come as files of a multipart form; bodies may be large. */
  readonly form?: boolean;
  /** True: a studio must run for it. False: its folder is enough, also beside a running one. */
  readonly runs: R;
  readonly command?: CommandFacts;
  /** Offered as a form of its own, which the page makes of `input`. */
  readonly tool?: ToolFacts;
}

export interface ToolFacts {
  readonly title: string;
  /** What it is for, to who has never used it. */
  readonly about: string;
  /** What it works on: the heading under which it is offered. */
  readonly on: 'pictures' | 'models' | 'experiments';
}

/** How it is called on the command line. */
export interface CommandFacts {
  /**
   * Words, then arguments, which name fields; the other fields are flags. `queue cancel <id...>`: once for each.
   * `gallery search [text...]`: all words as one text. `gallery trash <ids...>`: a list. Two operations may share the
   * words when only one of them has arguments; the other is called when none are given.
   */
  readonly usage: string;
  /** A flag that must be given because everything is meant. */
  readonly all?: string;
  /** What is asked before it is done, since it cannot be undone. */
  readonly ask?: string;
  /** Makes the studio's folder where there is none. */
  readonly creates?: boolean;
  /** No other Darkroom may have the folder meanwhile. */
  readonly alone?: boolean;
  /** Needs nothing that a studio keeps: one that passes will do. */
  readonly bare?: boolean;
  /** Where there is nothing to say: the operation that shows what was changed, called with each id. */
  readonly shows?: string;
  readonly examples?: readonly string[];
}

/** What `.meta()` of an input's field may say. */
export interface FieldMeta {
  /** Where it goes when not where the method says. */
  readonly in?: 'query';
  /** What it is the id of: shortened ids and names are understood on the command line. */
  readonly of?: Entity;
  /** Name of its flag, when not its own; false: none. */
  readonly flag?: string | false;
  /** Milliseconds since 1970, given as a day or time; a day stands for its start or its end. */
  readonly day?: 'start' | 'end';
  /** The flag counts in units of so many. */
  readonly unit?: number;
  /** Asked for without showing it, never an argument. */
  readonly secret?: boolean;
}

export type Entity = 'job' | 'picture' | 'board' | 'model' | 'trashed model' | 'pull' | 'user' | 'token';

type Row<I extends z.ZodObject, O extends z.ZodType, K extends Kind, R extends boolean> = Omit<
  Operation<I, O, K, R>,
  'input' | 'output' | 'kind' | 'runs' | 'changes'
> & {
  readonly input?: I;
  readonly output?: O;
  readonly kind?: K;
  readonly runs?: R;
  readonly changes?: readonly Effect[];
};

/** A row with what it leaves out filled in. */
export function operation<
  I extends z.ZodObject = z.ZodObject<Record<never, never>>,
  O extends z.ZodType = z.ZodVoid,
  K extends Kind = 'json',
  R extends boolean = false,
>(row: Row<I, O, K, R>): Operation<I, O, K, R> {
  const { input = z.object({}), output = z.void(), kind = 'json', runs = false, changes = [], ...facts } = row;
  return { ...facts, input, output, kind, runs, changes } as unknown as Operation<I, O, K, R>;
}
