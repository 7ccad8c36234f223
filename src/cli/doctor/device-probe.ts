/** Run by itself: computes on the device named, and says on standard output as JSON whether that works, and how. */

import { createOrtNodeBackend, type OrtDevice } from '#backends/ort-node/cpu';
import { add, input } from '#graph/build';
import { closeGraph } from '#graph/value';
import type { Probed } from './devices.ts';

const device = process.argv[2] as OrtDevice;

async function probe(): Promise<Probed> {
  const x = input('x', 'f32', [2]);
  const backend = createOrtNodeBackend({ device });
  const session = await backend.compile(closeGraph('probe', { y: add(x, x) }));
  const { y } = await session.run({ x: { dtype: 'f32', shape: [2], data: new Float32Array([1, 2]) } });
  const [first, second] = y!.data as Float32Array;
  if (first !== 2 || second !== 4) return { fails: `1 + 1 gave ${first}, 2 + 2 gave ${second}.` };
  return { attention: await backend.attentionForm() };
}

const failure = (error: unknown): Probed => ({
  fails: (error instanceof Error ? error.message : String(error)).split('\n')[0]!,
});
console.log(JSON.stringify(await probe().catch(failure)));
// Drivers may hold the process open.
process.exit(0);
