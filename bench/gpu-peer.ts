/** PyTorch on the same card: `peers/gpu.py` is asked for one part at a time and answers with a line for each form. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Row } from './gpu.ts';

export type PeerTimes = (part: string) => Promise<Row[]>;

/** Nothing where there is no python, or where it has no card, which is said once. */
export function peerTimes(python: string | undefined, rounds: number): PeerTimes {
  if (python === undefined) {
    console.log('  no peer: set DARKROOM_BENCH_PYTHON to a python that has torch with CUDA, and diffusers');
    return async () => [];
  }
  const script = fileURLToPath(new URL('./peers/gpu.py', import.meta.url));
  return async (part) => {
    try {
      const { stdout } = await promisify(execFile)(python, [script, part, String(rounds)], { maxBuffer: 2 ** 24 });
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
      return lines.map((line) => JSON.parse(line) as Row);
    } catch (error) {
      console.log(`    PyTorch: ${(error as Error).message.trim().split('\n').at(-1)}`);
      return [];
    }
  };
}
