/** Run by itself: computes on the device named, and says on standard output as JSON whether that works, and how. */

import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { Backend } from '#engine/backend';
import { add, input } from '#graph/build';
import { closeGraph } from '#graph/value';
import { createBackend, createOwnWebGpu, type Device } from '../../backend-main.ts';
import type { Probed } from './devices.ts';

const device = process.argv[2] as Device;

async function probe(): Promise<Probed> {
  if (device === 'webgpu' || device === 'webgpu-own') return await probeWebGpu();
  const runtime = createOrtNodeBackend({ device: device === 'webgpu-runtime' ? 'webgpu' : device });
  return (await wrongSum(runtime)) ?? { attention: await runtime.attentionForm() };
}

/** Our own shaders, and the runtime's where ours do not open. */
async function probeWebGpu(): Promise<Probed> {
  const own = createOwnWebGpu();
  try {
    const report = await own.report();
    return (await wrongSum(own)) ?? { report };
  } catch (cause) {
    if (device === 'webgpu-own') throw cause;
    const fails = failure(cause);
    const wrong = await wrongSum(createBackend('webgpu-runtime')).catch(failure);
    return wrong ? fails : { runtimeAlone: (fails as { fails: string }).fails };
  }
}

/** What is wrong with 1 + 1; undefined where nothing is. */
async function wrongSum(backend: Backend): Promise<Probed | undefined> {
  const x = input('x', 'f32', [2]);
  const session = await backend.compile(closeGraph('probe', { y: add(x, x) }));
  const { y } = await session.run({ x: { dtype: 'f32', shape: [2], data: new Float32Array([1, 2]) } });
  const [first, second] = y!.data as Float32Array;
  return first === 2 && second === 4 ? undefined : { fails: `1 + 1 gave ${first}, 2 + 2 gave ${second}.` };
}

const failure = (error: unknown): Probed => ({
  fails: (error instanceof Error ? error.message : String(error)).split('\n')[0]!,
});
console.log(JSON.stringify(await probe().catch(failure)));
// Drivers may hold the process open.
process.exit(0);
