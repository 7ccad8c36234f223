/**
 * Main file of a reader process: does one task after the other, away from the server's event loop, and takes the blow
 * should a file bring its reader down.
 *
 * A thread watches over the process: it ends it when the studio is gone or when it holds too much memory, also while
 * the main thread is caught in a loop and hears nothing.
 */

import { Worker } from 'node:worker_threads';
import { toWireError } from '../engine-host/protocol.ts';
import type { FromReader, ToReader } from './protocol.ts';
import type { Task } from './tasks.ts';
import { wellFormed } from './well-formed.ts';

/** Not more often than this many bytes. */
const progressBytes = 64 * 2 ** 20;
/** Files are read in pieces: a reader that holds this much has been led astray. */
const maxResidentBytes = 2 * 2 ** 30;
const watchMs = 500;

/** Plain JavaScript, since a thread would first have to load what turns TypeScript into it. */
const watchOver = `
  const { workerData: { parent, most, every } } = require('node:worker_threads');
  setInterval(() => {
    if (process.ppid !== parent || process.memoryUsage.rss() > most) process.kill(process.pid, 'SIGKILL');
  }, every);
`;

function send(message: FromReader): void {
  if (process.connected) process.send!(message);
}

async function answer({ task, input }: ToReader): Promise<void> {
  let told = 0;
  const tell = (bytes: number): void => {
    if (bytes - told < progressBytes) return;
    told = bytes;
    send({ type: 'progress', bytes });
  };
  try {
    const { readerTasks } = await import('./tasks.ts');
    send({ type: 'done', result: wellFormed(await (readerTasks[task] as Task)(input, tell)) });
  } catch (error) {
    send({ type: 'failed', error: toWireError(error) });
  }
}

if (process.send) {
  const workerData = { parent: process.ppid, most: maxResidentBytes, every: watchMs };
  new Worker(watchOver, { eval: true, execArgv: [], workerData }).unref();
  process.on('message', (request: ToReader) => void answer(request));
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => {});
  send({ type: 'ready' });
}
