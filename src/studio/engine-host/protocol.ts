/**
 * What the studio and an engine process say to each other over the IPC channel (structured clone, so pixels travel as
 * typed arrays), and what an engine module must export.
 */

import { DarkroomError, UserError } from '#core/errors';
import type { GenerateEvent, GenerateRequest, PictureEngine } from '#pipelines/request';
import type { UpscaleRequest } from '#pipelines/upscale/request';
import type { InputPaths } from '../work/inputs.ts';

/** What an engine is made from; plain data, since it crosses a process border. */
export interface EngineSettings {
  /** What to compute on, e.g. `cpu`, `webgpu`. */
  readonly device: string;
  /** Folders with models, as the library has them. */
  readonly modelRoots: readonly string[];
  /** Further settings of the engine itself. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The exports of the module whose path an engine host is given. */
export interface EngineModule {
  createEngine(settings: EngineSettings): PictureEngine | Promise<PictureEngine>;
}

/** What an engine can be asked for, by its method; pictures are apart. */
export type EngineWork =
  | { readonly method: 'generate'; readonly request: GenerateRequest }
  | { readonly method: 'estimate'; readonly request: GenerateRequest }
  | { readonly method: 'upscale'; readonly request: Omit<UpscaleRequest, 'init'> };

export type ToEngine =
  | { readonly type: 'start'; readonly module: string; readonly settings: EngineSettings }
  | {
      readonly type: 'run';
      readonly run: number;
      readonly work: EngineWork;
      /** The request's pictures as files of ours: decoded where they are used. */
      readonly files: InputPaths;
      readonly previewEvery: number;
      readonly inSmallestParts: boolean;
    }
  | { readonly type: 'cancel'; readonly run: number; readonly keepPartial?: boolean }
  | { readonly type: 'skip'; readonly run: number }
  | { readonly type: 'stop' };

export type FromEngine =
  | { readonly type: 'ready' }
  | { readonly type: 'event'; readonly run: number; readonly event: GenerateEvent }
  | { readonly type: 'end'; readonly run: number }
  | { readonly type: 'failed'; readonly run: number; readonly error: WireError }
  | { readonly type: 'start-failed'; readonly error: WireError }
  | { readonly type: 'memory'; readonly rss: number };

export interface WireError {
  readonly code: string;
  readonly message: string;
  /** A mistake in the request: the message alone is shown. */
  readonly user: boolean;
  readonly stack?: string;
}

export function toWireError(error: unknown): WireError {
  const user = error instanceof UserError;
  const code = error instanceof DarkroomError ? error.code : 'engine.failed';
  if (!(error instanceof Error)) return { code, message: String(error), user };
  return { code, message: error.message, user, stack: error.stack };
}

export function fromWireError(wire: WireError): DarkroomError {
  const error = wire.user ? new UserError(wire.code, wire.message) : new DarkroomError(wire.code, wire.message);
  if (wire.stack !== undefined && !wire.user) error.stack = wire.stack;
  return error;
}
