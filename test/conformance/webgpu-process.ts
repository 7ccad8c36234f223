/**
 * Runs the conformance cases on WebGPU in a process of its own, so that a crash of a driver is a failed test and not a
 * lost test run. Prints lines of JSON: `{ready}` (or `{unavailable}` alone, where no adapter can be had), then for
 * each case `{name, errors}` or `{name, failure}`. Arguments: the engine, the index of the first case, then the seeds.
 */

import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { createWebGpuBackend } from '#backends/webgpu/backend';
import { openNodeDevice, readFileRange } from '#backends/webgpu-node/device';
import type { Backend } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { add, input } from '#graph/build';
import { closeGraph } from '#graph/value';
import { conformanceCases, runCase } from './backend-suite.ts';

export type Report =
  | { readonly unavailable: string }
  | { readonly ready: true }
  | { readonly name: string; readonly errors: Readonly<Record<string, number>> }
  | { readonly name: string; readonly failure: string };

function report(r: Report): void {
  console.log(JSON.stringify(r));
}

/** `own`: the shaders of this project; `runtime`: ONNX Runtime's. */
export type WebGpuEngine = keyof typeof engines;

const engines = {
  own: () => createWebGpuBackend({ open: () => openNodeDevice(), readRange: readFileRange }),
  runtime: () => createOrtNodeBackend({ device: 'webgpu' }),
} as const;

const [engine, ...numbers] = process.argv.slice(2);
const [first, ...seeds] = numbers.map(Number);
const backend: Backend = engines[engine as WebGpuEngine]();
try {
  const x = input('x', 'f32', [1]);
  await (await backend.compile(closeGraph('probe', { y: add(x, x) }))).dispose();
} catch (e) {
  if (!(e instanceof EngineError && e.failure === 'unavailable')) throw e;
  report({ unavailable: e.message });
  process.exit(0);
}
report({ ready: true });
for (const c of conformanceCases(seeds, { whole: engine === 'own' }).slice(first)) {
  try {
    report({ name: c.name, errors: await runCase(backend, c) });
  } catch (e) {
    report({ name: c.name, failure: String(e) });
  }
}
await backend.dispose();
process.exit(0);
