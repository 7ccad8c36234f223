/** What the backend does at the edges of devices: small limits, halves, broken drivers, devices that go away. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createWebGpuBackend, type WebGpuBackend, type WebGpuOptions } from '#backends/webgpu/backend';
import { Gpu, type OpenDevice } from '#backends/webgpu/device';
import { createSession } from '#backends/webgpu/session';
import type { DType } from '#core/dtype';
import { f32ToBf16Array, f32ToF16Array } from '#core/half';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import type { Feeds, WeightRef } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { add, attention, conv2d, groupNorm, input, linear, mul, parameter, silu, sum } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph, type Graph } from '#graph/value';
import { missingAdapter } from '../../../test/fixtures/software-gpu.ts';
import { relativeError } from '../../../test/goldens/autograd-cases.ts';
import { openNodeDevice, readFileRange } from './device.ts';

const missing = await missingAdapter();
if (missing !== undefined) console.log(`WebGPU tests skipped, no adapter: ${missing}`);

const opened: WebGpuBackend[] = [];
afterAll(() => Promise.all(opened.map((b) => b.dispose())));

function backendOf(options: Partial<WebGpuOptions> = {}): { backend: WebGpuBackend; warnings: string[] } {
  const warnings: string[] = [];
  const backend = createWebGpuBackend({
    open: () => openNodeDevice(),
    readRange: readFileRange,
    warn: (message) => warnings.push(message),
    ...options,
  });
  opened.push(backend);
  return { backend, warnings };
}

const waves = (shape: readonly number[], scale = 1): HostTensor<'f32'> =>
  f32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(i * 0.7 + 1)),
  );

const feedsOf = (graph: Graph): Record<string, HostTensor> =>
  Object.fromEntries(
    [...graph.inputs, ...graph.parameters].map((v) => [v.attrs.name, waves(v.shape as number[], 0.3)]),
  );

/** A piece of a U-Net: every kind of kernel, and sums of many operands. */
function piece(side = 8, channels = 8): Graph {
  const x = input('x', 'f32', [2, channels, side, side]);
  const [w, g, b] = [
    parameter('w', [channels, channels, 3, 3]),
    parameter('g', [channels]),
    parameter('b', [channels]),
  ];
  const h = conv2d(silu(groupNorm(x, g, b, 2)), w, b, { padding: 1 });
  const tokens = input('tokens', 'f32', [2, 40, 16]);
  const mixed = attention(tokens, tokens, tokens, { heads: 2 });
  return closeGraph('piece', {
    y: add(h, x),
    mixed: linear(mixed, parameter('l', [48, 16])),
    total: sum(mul(h, h)),
  });
}

function worstError(graph: Graph, feeds: Record<string, HostTensor>, got: Record<string, HostTensor>): number {
  const right = interpret(graph, feeds);
  const errors = Object.keys(right).map((k) =>
    relativeError(Array.from(got[k]!.data, Number), Array.from(right[k]!.data, Number)),
  );
  return Math.max(...errors);
}

describe.skipIf(missing !== undefined)('a device', () => {
  it('computes with tensors in several windows and several buffers, and few bindings', async () => {
    const limits = { bindingBytes: 8192, bufferBytes: 12_288, storageBuffers: 8 };
    const { backend } = backendOf({ open: () => openNodeDevice({ limits }) });
    const graph = piece(16, 8);
    const feeds = feedsOf(graph);
    const session = await backend.compile(graph);
    expect(worstError(graph, feeds, await session.run(feeds))).toBeLessThan(1e-5);
  });

  it('rounds to halves within 2e-3 of the largest value, and sums in full', async () => {
    const { backend } = backendOf({ halves: 'emulated' });
    const graph = piece(32, 8);
    const feeds = feedsOf(graph);
    const { x, tokens, ...weights } = feeds;
    const source = { get: (name: string): WeightRef => ({ kind: 'memory', tensor: weights[name]! }) };
    const session = await backend.compile(graph, { precision: 'half', weights: source });
    const error = worstError(graph, feeds, await session.run({ x: x!, tokens: tokens! }));
    expect(error).toBeGreaterThan(1e-6);
    expect(error).toBeLessThan(2e-3);
  });

  it('goes on in full precision where halves overflow, and says so once', async () => {
    const { backend, warnings } = backendOf({ halves: 'emulated' });
    const x = input('x', 'f32', [100, 100]);
    const graph = closeGraph('large', { y: mul(linear(mul(x, 1e4), parameter('w', [100, 100])), 1e-4) });
    const feeds = { x: waves([100, 100], 20), w: waves([100, 100], 20) };
    const session = await backend.compile(graph, { precision: 'half' });
    for (let i = 0; i < 2; i++) expect(worstError(graph, feeds, await session.run(feeds))).toBeLessThan(1e-5);
    expect(warnings).toEqual([expect.stringContaining('full precision')]);
  });

  it('brings a feed that does not change once, and again where another takes its place', async () => {
    let written = 0;
    const open = async (): Promise<OpenDevice> => {
      const own = await openNodeDevice();
      const { queue } = own.device;
      const write = queue.writeBuffer.bind(queue);
      queue.writeBuffer = (...given: Parameters<typeof write>) => {
        written += 1;
        write(...given);
      };
      return own;
    };
    const { backend } = backendOf({ open });
    const graph = closeGraph('sum', { y: add(input('x', 'f32', [3]), input('lora', 'f32', [3])) });
    const session = await backend.compile(graph);
    const [x, lora, other] = [f32([3], [1, 2, 3]), f32([3], [10, 20, 30]), f32([3], [5, 5, 5])];
    const run = async (feeds: Feeds) => Array.from((await session.run(feeds, { unchanged })).y!.data as Float32Array);
    const unchanged = new Set(['lora']);
    written = 0;
    for (let i = 0; i < 3; i++) expect(await run({ x, lora })).toEqual([11, 22, 33]);
    expect(written).toBe(4);
    expect(await run({ x, lora: other })).toEqual([6, 7, 8]);
    expect(written).toBe(6);
  });

  it('tells how long its kernels take', async ({ skip }) => {
    const { backend } = backendOf();
    const graph = piece(4, 4);
    const session = await backend.compile(graph);
    const times = await session.profile(feedsOf(graph)).catch((e: unknown) => {
      if (e instanceof EngineError && e.failure === 'unavailable') return undefined;
      throw e;
    });
    if (!times) return skip('the device has no timestamps');
    expect(times.map(({ label }) => label)).toEqual(expect.arrayContaining(['attention', 'conv2d', 'linear']));
    for (const { seconds } of times) expect(seconds).toBeGreaterThanOrEqual(0);
    expect(times.reduce((sum, { seconds }) => sum + seconds, 0)).toBeGreaterThan(0);
  });

  it('keeps tensors on the device between runs', async () => {
    const { backend } = backendOf();
    const graph = closeGraph('count', {
      next: add(parameter('state', [5]), input('step', 'f32', [])),
      loss: parameter('state', [5]),
    });
    const session = await backend.compile(graph);
    let state = (await backend.upload!(f32([5], [1, 2, 3, 4, 5])))!;
    for (let i = 0; i < 3; i++) {
      const { host, device } = await session.runResident!({ state, step: f32([], [10]) }, ['next']);
      expect(Object.keys(host)).toEqual(['loss']);
      state.dispose();
      state = device.next!;
    }
    expect(Array.from((await state.read()).data as Float32Array)).toEqual([31, 32, 33, 34, 35]);
  });

  it('uses the plain form of a shader that does not compile, and says so', async () => {
    const open = async (): Promise<OpenDevice> => {
      const own = await openNodeDevice();
      const compile = own.device.createComputePipelineAsync.bind(own.device);
      own.device.createComputePipelineAsync = (d: GPUComputePipelineDescriptor) =>
        d.label === 'attention' ? Promise.reject(new Error('the compiler has a fault')) : compile(d);
      return own;
    };
    const { backend, warnings } = backendOf({ open });
    const graph = piece(4, 4);
    const feeds = feedsOf(graph);
    const session = await backend.compile(graph);
    expect(worstError(graph, feeds, await session.run(feeds))).toBeLessThan(1e-5);
    expect(warnings.at(-1)).toBe(
      'The driver does not compile the shader for attention; its plain form is used, which is slower.',
    );
  });

  it('says that it was lost, and opens again for the next session', async () => {
    const devices: OpenDevice[] = [];
    const open = async (): Promise<OpenDevice> => {
      devices.push(await openNodeDevice());
      return devices.at(-1)!;
    };
    const { backend } = backendOf({ open });
    const graph = closeGraph('small', { y: mul(input('x', 'f32', [3]), 2) });
    const feeds = { x: f32([3], [1, 2, 3]) };
    const session = await backend.compile(graph);
    devices[0]!.device.destroy();
    await devices[0]!.device.lost;
    await expect(session.run(feeds)).rejects.toMatchObject({ failure: 'lost' });
    const again = await (await backend.compile(graph)).run(feeds);
    expect(Array.from(again.y!.data as Float32Array)).toEqual([2, 4, 6]);
    expect(devices.length).toBe(2);
  });

  it('says how much it holds where the device has no memory left, and goes on with smaller work', async () => {
    /** Looks that will find the memory full. */
    let full = 0;
    const open = async (): Promise<OpenDevice> => {
      const own = await openNodeDevice();
      const { device } = own;
      const filters: GPUErrorFilter[] = [];
      const [push, pop] = [device.pushErrorScope.bind(device), device.popErrorScope.bind(device)];
      device.pushErrorScope = (filter) => {
        filters.push(filter);
        push(filter);
      };
      device.popErrorScope = async () => {
        const isSaid = filters.pop() === 'out-of-memory' && full > 0;
        if (isSaid) full -= 1;
        const error = await pop();
        return isSaid ? new GPUOutOfMemoryError('the driver has no more') : error;
      };
      return own;
    };
    const { backend } = backendOf({ open });
    const graph = closeGraph('small', { y: mul(input('x', 'f32', [3]), 2) });
    const feeds = { x: f32([3], [1, 2, 3]) };
    const session = await backend.compile(graph);
    for (const work of [() => session.run(feeds), () => backend.compile(piece(4, 4))]) {
      full = 2;
      const failed: unknown = await work().catch((e: unknown) => e);
      expect(failed).toMatchObject({ failure: 'out-of-memory', message: expect.stringMatching(/\d+ MiB held.*tiles/) });
    }
    // A first session's memory lies free until another needs it, for its results or for its weights.
    full = 1;
    await session.dispose();
    const again = await backend.compile(graph);
    expect(full).toBe(0);
    expect(Array.from((await again.run(feeds)).y!.data as Float32Array)).toEqual([2, 4, 6]);
    full = 1;
    await again.dispose();
    const weighted = closeGraph('weighted', { y: mul(input('x', 'f32', [3]), parameter('w', [3])) });
    const weights = new Map([['w', { kind: 'memory', tensor: f32([3], [3, 2, 1]) } as const]]);
    const loaded = await backend.compile(weighted, { weights });
    expect(full).toBe(0);
    expect(Array.from((await loaded.run(feeds)).y!.data as Float32Array)).toEqual([3, 4, 3]);
  });

  it('names what is missing, cut off or too large', async () => {
    await expect(openNodeDevice({ adapter: 'no such card' })).rejects.toMatchObject({ failure: 'unavailable' });
    const { backend } = backendOf();
    const huge = closeGraph('huge', { y: mul(input('x', 'f32', [2 ** 20, 2 ** 19]), 2) });
    await expect(backend.compile(huge)).rejects.toMatchObject({ failure: 'out-of-memory' });
    const long = closeGraph('long', { y: add(input('i', 'i64', [1]), input('i', 'i64', [1])) });
    const session = await backend.compile(long);
    const fed = { i: { dtype: 'i64', shape: [1], data: new BigInt64Array([2n ** 40n]) } } as const;
    await expect(session.run(fed)).rejects.toThrow('needs 64 bits');
    await expect(session.run({})).rejects.toThrow('i is missing');
  });

  it('writes shaders that are right for devices with halves and subgroup matrices', async () => {
    // Dawn's own null device has every feature and checks shaders; it computes nothing.
    const matrix = { m: 16, n: 16, k: 16, subgroup: 32 };
    const own = new Gpu({ ...(await openNodeDevice({ api: 'null' })), matrix });
    own.traits = { ...own.traits, workgroupBytes: 49_152 };
    const [x, tokens] = [input('x', 'f32', [2, 64, 40, 40]), input('tokens', 'f32', [2, 200, 320])];
    const graph = closeGraph('all', {
      convolution: silu(conv2d(x, parameter('w', [160, 64, 3, 3]), parameter('b', [160]), { padding: 1 })),
      linear: linear(attention(tokens, tokens, tokens, { heads: 2 }), parameter('l', [320, 320])),
    });
    const labels: string[] = [];
    const errors: string[] = [];
    own.pipeline = async (label, code) => {
      labels.push(label);
      const { messages } = await own.device.createShaderModule({ code }).getCompilationInfo();
      errors.push(...messages.filter((m) => m.type === 'error').map((m) => `${label}: ${m.message}`));
      return {} as GPUComputePipeline;
    };
    const weights = { get: (name: string): WeightRef => ({ kind: 'memory', tensor: stored(graph, name) }) };
    const options = {
      gpu: own,
      graph,
      options: { weights },
      readRange: undefined,
      warn: () => {},
      onDispose: () => {},
    };
    await (await createSession({ ...options, precision: 'half' })).dispose();
    own.close();
    expect(errors).toEqual([]);
    expect(labels.filter((label) => label.endsWith('on matrices')).sort()).toEqual([
      'conv2d on matrices',
      'linear on matrices',
    ]);
  });
});

function stored(graph: Graph, name: string): HostTensor {
  return waves(graph.parameters.find((p) => p.attrs.name === name)!.shape as number[]);
}

describe.skipIf(missing !== undefined)('weights in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-webgpu-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const values = waves([6, 5]).data;
  const encodings: Readonly<Partial<Record<DType, (v: Float32Array) => ArrayBufferView>>> = {
    f32: (v) => v,
    f16: f32ToF16Array,
    bf16: f32ToBf16Array,
  };

  function fileOf(dtype: DType, cut = 0): WeightRef {
    const view = encodings[dtype]!(values);
    const bytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
    const path = join(folder, `${dtype}-${cut}.bin`);
    writeFileSync(path, new Uint8Array([1, 2, 3, ...bytes.subarray(0, bytes.length - cut)]));
    return { kind: 'file', path, offset: 3, byteLength: bytes.length, dtype, shape: [6, 5] };
  }

  it.each(['f32', 'f16', 'bf16'] as const)('of %s are read where they lie, also transposed', async (dtype) => {
    const { backend } = backendOf();
    const x = input('x', 'f32', [3, 5]);
    const file = fileOf(dtype);
    const graph = closeGraph('files', {
      y: linear(x, parameter('w', [6, 5])),
      z: linear(input('x2', 'f32', [3, 6]), parameter('t', [5, 6])),
    });
    const weights = {
      get: (name: string): WeightRef => (name === 'w' ? file : ({ ...file, transpose: true } as WeightRef)),
    };
    let bytes = 0;
    const loaded = (more: number): void => {
      bytes += more;
    };
    const session = await backend.compile(graph, { weights, loaded });
    expect(bytes).toBe(2 * (file.kind === 'file' ? file.byteLength : 0));
    const feeds = { x: waves([3, 5]), x2: waves([3, 6]) };
    const turned = f32(
      [5, 6],
      Float32Array.from({ length: 30 }, (_, i) => values[(i % 6) * 5 + Math.floor(i / 6)]!),
    );
    const error = worstError(graph, { ...feeds, w: f32([6, 5], values), t: turned }, await session.run(feeds));
    expect(error).toBeLessThan({ f32: 1e-6, f16: 1e-3, bf16: 1e-2 }[dtype]);
  });

  it('that are cut off are named', async () => {
    const { backend } = backendOf();
    const graph = closeGraph('cut', { y: linear(input('x', 'f32', [3, 5]), parameter('w', [6, 5])) });
    const weights = { get: (): WeightRef => fileOf('f32', 8) };
    await expect(backend.compile(graph, { weights })).rejects.toThrow('cut off');
  });
});
