/** A process that makes a model file, seen from the studio: how far it is, and what came of it. */

import { fork } from 'node:child_process';
import type { ModelWorkKind } from '#api/records/model-work';
import { DarkroomError } from '#core/errors';
import { childEnvironment } from '../engine-host/process-info.ts';
import { fromWireError, type WireError } from '../engine-host/protocol.ts';
import { childExecArgv, ownModule } from '../files/own-module.ts';
import type { Made, MakeRequest } from './make.ts';

export interface MakeOrder {
  readonly kind: ModelWorkKind;
  readonly request: MakeRequest<ModelWorkKind>;
  readonly to: string;
  readonly roots: readonly string[];
}

export type ToMaker = ({ readonly type: 'start' } & MakeOrder) | { readonly type: 'stop' };

export type FromMaker =
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | { readonly type: 'end'; readonly made: Made | undefined }
  | { readonly type: 'failed'; readonly error: WireError };

export interface Making {
  /** Undefined: it was stopped or killed. @throws why it failed; DarkroomError `make.crashed` */
  readonly made: Promise<Made | undefined>;
  /** Asks it to end after the tensor at hand. */
  stop(): void;
  kill(): void;
}

export function startMaking(order: MakeOrder, onProgress: (done: number, total: number) => void): Making {
  const child = fork(ownModule(import.meta.url, './child'), [], {
    serialization: 'advanced',
    execArgv: childExecArgv(),
    env: childEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr?.on('data', (data: Buffer) => {
    stderr = (stderr + data.toString()).slice(-2000);
  });
  const send = (message: ToMaker): void => {
    if (child.connected) child.send(message, () => {});
  };
  let isKilled = false;
  const made = new Promise<Made | undefined>((resolve, reject) => {
    child.on('message', (message: FromMaker) => {
      if (message.type === 'progress') onProgress(message.done, message.total);
      else if (message.type === 'end') resolve(message.made);
      else reject(fromWireError(message.error));
    });
    child.on('error', () => {}); // a failed send; the exit that follows says why
    child.on('close', (code, signal) => {
      if (isKilled) return resolve(undefined);
      const how = signal === null ? `ended with exit code ${code}` : `ended with ${signal}`;
      const words = stderr.trim() === '' ? '' : ` Its last words: ${stderr.trim()}`;
      reject(new DarkroomError('make.crashed', `The process that made the file ${how}.${words}`));
    });
  });
  send({ type: 'start', ...order });
  return {
    made,
    stop: () => send({ type: 'stop' }),
    kill() {
      isKilled = true;
      child.kill('SIGKILL');
    },
  };
}
