/**
 * Main file of the library's reader process: describes and hashes model files one after the other, away from the
 * server's event loop, and takes the blow should a file bring its reader down.
 */

import { describeModel } from './describe.ts';
import { hashModel } from './hash.ts';
import type { FromReader, ToReader } from './reader-protocol.ts';

/** Not more often than this many bytes. */
const progressBytes = 64 * 2 ** 20;

let tail: Promise<void> = Promise.resolve();

function send(message: FromReader): void {
  if (process.connected) process.send!(message);
}

async function answer(request: ToReader): Promise<void> {
  const { id, path } = request;
  try {
    if (request.type === 'describe') {
      send({ type: 'described', id, description: await describeModel(path) });
      return;
    }
    let told = 0;
    const hashes = await hashModel(path, (bytes) => {
      if (bytes - told < progressBytes) return;
      told = bytes;
      send({ type: 'progress', id, bytes });
    });
    send({ type: 'hashed', id, hashes });
  } catch (error) {
    send({ type: 'failed', id, message: error instanceof Error ? error.message : String(error) });
  }
}

if (process.send) {
  process.on('message', (request: ToReader) => {
    tail = tail.then(() => answer(request));
  });
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => {});
}
