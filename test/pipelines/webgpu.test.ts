/** The whole way on our own shaders, in software: a picture as on the CPU, and a training with the CPU's losses. */

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { createWebGpuBackend, type WebGpuOptions } from '#backends/webgpu/backend';
import type { OpenDevice } from '#backends/webgpu/device';
import { openNodeDevice, readFileRange } from '#backends/webgpu-node/device';
import type { PixelImage } from '#core/image';
import type { Backend } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, generateSchema } from '#pipelines/request';
import { modelOpener } from '#studio/library/open-model';
import { type StepReport, train } from '#training/loop';
import { MemoryRunFiles } from '#training/memory-run-files';
import { TrainingRandom } from '#training/random';
import { readLatestCheckpoint } from '#training/run-directory';
import { textToImageTask } from '#training/tasks/text-to-image';
import { missingAdapter } from '../fixtures/software-gpu.ts';
import { tinyTextToImage, toyOptions } from '../fixtures/training-tasks.ts';

const missing = await missingAdapter();
if (missing !== undefined) console.log(`WebGPU pipelines skipped, no adapter: ${missing}`);

const tiny = fileURLToPath(new URL('../goldens/data/models/tiny-sd1', import.meta.url));
const cpu = (): Backend => createOrtNodeBackend({ device: 'cpu', threads: 1 });
const own = (options: Partial<WebGpuOptions> = {}): Backend =>
  createWebGpuBackend({ open: () => openNodeDevice(), readRange: readFileRange, ...options });

/** A driver that does not compile one of the shaders. */
async function openFaulty(): Promise<OpenDevice> {
  const opened = await openNodeDevice();
  const compile = opened.device.createComputePipelineAsync.bind(opened.device);
  opened.device.createComputePipelineAsync = (d: GPUComputePipelineDescriptor) =>
    d.label === 'attention' ? Promise.reject(new Error('the compiler has a fault')) : compile(d);
  return opened;
}

async function eventsOf(backend: Backend, warnings: string[] = []): Promise<GenerateEvent[]> {
  const takeWarnings = (): string[] => warnings.splice(0);
  const engine = createPictureEngine({ backend, openModel: modelOpener([]), takeWarnings });
  const request = {
    ...generateSchema.parse({ model: tiny, prompt: 'a cat', steps: 2, seed: 5 }),
    width: 16,
    height: 16,
  };
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(request)) events.push(event);
  await engine.dispose();
  return events;
}

function pictureOf(events: readonly GenerateEvent[]): PixelImage {
  const images = events.flatMap((e) => (e.type === 'image' ? [e.image] : []));
  expect(images.length).toBe(1);
  return images[0]!;
}

function largestDifference(a: PixelImage, b: PixelImage): number {
  expect([a.width, a.height]).toEqual([b.width, b.height]);
  return Math.max(...a.data.map((v, i) => Math.abs(v - b.data[i]!)));
}

describe.skipIf(missing !== undefined)('on WebGPU', () => {
  it('a picture is the CPU’s, also where a shader does not compile and the device goes away meanwhile', async () => {
    const right = pictureOf(await eventsOf(cpu()));
    const told: string[] = [];
    const backend = own({ open: openFaulty, warn: (message) => told.push(message) });
    let runs = 0;
    const lossy: Backend = {
      ...backend,
      async compile(graph, options) {
        const session = await backend.compile(graph, options);
        const run: typeof session.run = async (...given) => {
          runs += 1;
          if (runs === 3) throw new EngineError('lost', 'webgpu', 'the graphics device was lost (a test)');
          return await session.run(...given);
        };
        return { ...session, graph, run, dispose: () => session.dispose() };
      },
    };
    const events = await eventsOf(lossy, told);
    expect(largestDifference(pictureOf(events), right)).toBeLessThanOrEqual(1);
    const warnings = events.flatMap((e) => (e.type === 'warning' ? [e.message] : []));
    expect(warnings).toContainEqual(expect.stringContaining('was lost (a test); everything is loaded again'));
    const plain = warnings.filter((message) => message.includes('does not compile the shader for attention'));
    expect(plain).toHaveLength(1);
  }, 300_000);

  it('a U-Net learns with the CPU’s losses, its state on the device', async () => {
    const learn = async (backend: Backend) => {
      const files = new MemoryRunFiles();
      const losses: number[] = [];
      const report = ({ metrics }: StepReport): void => void losses.push(metrics.loss!);
      const options = toyOptions({ steps: 3 });
      await train(textToImageTask(tinyTextToImage()), options, {
        backend,
        files,
        random: new TrainingRandom(11),
        report,
      });
      await backend.dispose();
      return { losses, state: (await readLatestCheckpoint(files))!.tensors };
    };
    const [right, got] = [await learn(cpu()), await learn(own())];
    expect(got.losses.length).toBe(3);
    for (const [i, loss] of got.losses.entries()) {
      expect(Math.abs(loss - right.losses[i]!) / right.losses[i]!).toBeLessThan(1e-4);
    }
    expect([...got.state.keys()]).toEqual([...right.state.keys()]);
  }, 300_000);
});
