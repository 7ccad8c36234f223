/** Run by itself: adds two numbers on the device named, and says on standard output whether that works. */

import { createOrtNodeBackend, type OrtDevice } from '#backends/ort-node/cpu';
import { add, input } from '#graph/build';
import { closeGraph } from '#graph/value';

const device = process.argv[2] as OrtDevice;
try {
  const x = input('x', 'f32', [2]);
  const session = await createOrtNodeBackend({ device }).compile(closeGraph('probe', { y: add(x, x) }));
  const { y } = await session.run({ x: { dtype: 'f32', shape: [2], data: new Float32Array([1, 2]) } });
  const [first, second] = y!.data as Float32Array;
  console.log(first === 2 && second === 4 ? 'works' : `fails: 1 + 1 gave ${first}, 2 + 2 gave ${second}.`);
} catch (error) {
  console.log(`fails: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`);
}
// Drivers may hold the process open.
process.exit(0);
