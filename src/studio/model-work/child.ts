/**
 * Main file of a process that makes one model file: what it computes would hold the server's event loop up. When the
 * studio goes away, it goes too.
 */

import type { ModelWorkKind } from '#api/records/model-work';
import { toWireError } from '../engine-host/protocol.ts';
import { type Made, type MakeContext, type MakeRequest, modelMakers } from './make.ts';
import type { FromMaker, ToMaker } from './process.ts';

const stop = new AbortController();

function send(message: FromMaker): void {
  if (process.connected) process.send!(message);
}

async function carryOut({ kind, request, to, roots }: Extract<ToMaker, { type: 'start' }>): Promise<void> {
  const onProgress = (done: number, total: number): void => send({ type: 'progress', done, total });
  const make = modelMakers[kind] as (
    request: MakeRequest<ModelWorkKind>,
    context: MakeContext,
  ) => Promise<Made | undefined>;
  try {
    send({ type: 'end', made: await make(request, { to, roots, signal: stop.signal, onProgress }) });
  } catch (error) {
    send({ type: 'failed', error: toWireError(error) });
  }
  process.disconnect();
}

if (process.send) {
  process.on('message', (message: ToMaker) => {
    if (message.type === 'stop') stop.abort();
    else carryOut(message).catch(() => process.exit(1));
  });
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => {});
}
