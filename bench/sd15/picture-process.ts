/**
 * One process of the benchmark: draws a picture with the engine that the command line uses, and reports what each part
 * took as lines of JSON. Before each step it says `ready` and waits for a line, so that it and its peer work in turns.
 *
 * Arguments: checkpoint, bytes for faster forms of weights, steps, folder that gets the inputs and outputs of the first
 * step and of the decoder, threads.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { HostTensor } from '#core/tensor';
import type { Backend, Feeds, Session } from '#engine/backend';
import { createPictureEngine } from '#pipelines/engine';
import { generateSchema } from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';

const [checkpoint, memoryBudget, steps, folder, threads] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (report: object): void => void process.stdout.write(`${JSON.stringify(report)}\n`);

/** Largest resident memory since the last call, bytes. */
function peakMemory(): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1];
  writeFileSync('/proc/self/clear_refs', '5');
  return 1024 * Number(kilobytes);
}

function store(name: string, { shape, data }: HostTensor): object {
  const file = join(folder, `${name}.bin`);
  writeFileSync(file, new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength));
  return { name, file, shape };
}

/** Reports the denoiser's and the decoder's runs; the first of each leaves its tensors behind. */
function observed(session: Session): Session {
  const { name } = session.graph;
  if (name !== 'unet' && name !== 'vae_decoder') return session;
  let tensors: { readonly feeds: object[]; readonly expected: object } | undefined;
  const run: Session['run'] = async (feeds: Feeds, options) => {
    say({ event: 'ready', part: name, sinceStart: performance.now() / 1e3, peak: peakMemory() });
    await lines.next();
    const [wall, cpu] = [performance.now(), process.cpuUsage()];
    const results = await session.run(feeds, options);
    const used = process.cpuUsage(cpu);
    const seconds = { wall: (performance.now() - wall) / 1e3, cpu: (used.user + used.system) / 1e6 };
    const stored = (all: Record<string, HostTensor>) => Object.entries(all).map(([n, t]) => store(`${name}.${n}`, t));
    tensors ??= { feeds: stored(feeds), expected: stored(results)[0]! };
    say({ event: 'done', part: name, ...seconds, peak: peakMemory(), ...tensors });
    return results;
  };
  return { graph: session.graph, run, dispose: () => session.dispose() };
}

function observedBackend(inner: Backend): Backend {
  return {
    name: inner.name,
    compile: async (graph, options) => observed(await inner.compile(graph, options)),
    dispose: () => inner.dispose(),
  };
}

const engine = createPictureEngine({
  backend: observedBackend(createOrtNodeBackend({ device: 'cpu', threads: Number(threads) })),
  openModel: modelOpener([]),
  memoryBudget: Number(memoryBudget),
});
const request = generateSchema.parse({
  prompt: 'a fox beside a tree at night',
  negativePrompt: 'blurry',
  model: checkpoint,
  sampler: 'Euler',
  steps: Number(steps),
  seed: 1,
  width: 512,
  height: 512,
});
for await (const event of engine.generate(request)) {
  if (event.type === 'warning') say({ event: 'warning', message: event.message });
}
await engine.dispose();
process.exit(0);
