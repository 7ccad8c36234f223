/** What is told while weights come to the device. */

import type { LoadingEvent } from './sessions.ts';

/** Events of one part at most, so that a small part tells little and a large one often enough to be watched. */
const SHARES = 50;

/**
 * The result of `load`, which is given a function to tell bytes to; events with the bytes so far meanwhile, all of them
 * at the end whatever was told.
 */
export async function* tellingBytes<T>(
  part: string,
  totalBytes: number,
  load: (loaded: (bytes: number) => void) => Promise<T>,
): AsyncGenerator<LoadingEvent, T, undefined> {
  yield { type: 'loading', part, bytes: 0, totalBytes };
  const step = totalBytes / SHARES;
  let [bytes, told, isDone] = [0, 0, false];
  let wake = (): void => {};
  const loading = load((more) => {
    bytes += more;
    if (bytes - told >= step) wake();
  }).finally(() => {
    isDone = true;
    wake();
  });
  // Its error is for whoever awaits the result.
  loading.catch(() => {});
  while (!isDone) {
    if (bytes - told < step || bytes >= totalBytes) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (isDone || bytes >= totalBytes || bytes === told) continue;
    told = bytes;
    yield { type: 'loading', part, bytes, totalBytes };
  }
  const result = await loading;
  yield { type: 'loading', part, bytes: totalBytes, totalBytes };
  return result;
}
