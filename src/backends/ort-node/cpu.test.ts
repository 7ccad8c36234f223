import { appendFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { f32ToBf16Array, f32ToF16Array } from '#core/half';
import { f32, i64, sizeOf, tensor, zeros } from '#core/tensor';
import type { WeightPacked, WeightRef, WeightSource } from '#engine/backend';
import { EngineError } from '#engine/errors';
import { widened } from '#engine/packed';
import { bytesSource } from '#formats/byte-source';
import { type BlockPacking, blockPackings, unitOf } from '#formats/packing';
import * as b from '#graph/build';
import { mulDims, symbol } from '#graph/dim';
import { closeGraph, type Value } from '#graph/value';
import { createOrtNodeBackend } from './cpu.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
const source = (refs: Record<string, WeightRef>): WeightSource => ({ get: (name) => refs[name] });
const batch = symbol('batch');
const x = b.input('x', 'f32', [batch, 3]);
const graphOf = (y: Value) => closeGraph('test', { y });
const fed = { x: f32([2, 3], [1, 2, 3, 4, 5, 6]) };

/** [1, 2, 3; 4, 5, 6]: exact in every float format. */
const matrix = [1, 2, 3, 4, 5, 6];
const product = [14, 32, 32, 77];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ort-node-'));
});
afterAll(async () => {
  await backend.dispose();
  rmSync(folder, { recursive: true });
});

/** A file that holds the values behind `offset` other bytes, and the reference to them. */
function stored(name: string, dtype: 'f32' | 'f16' | 'bf16', offset: number, shape: readonly number[]): WeightRef {
  const values = { f32: Float32Array.from(matrix), f16: f32ToF16Array(matrix), bf16: f32ToBf16Array(matrix) }[dtype];
  const bytes = new Uint8Array(values.buffer as ArrayBuffer);
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(offset).fill(255));
  appendFileSync(path, bytes);
  return { kind: 'file', path, offset, byteLength: bytes.length, dtype, shape };
}

async function multiply(w: WeightRef): Promise<number[]> {
  const session = await backend.compile(graphOf(b.linear(x, b.parameter('w', [2, 3]))), { weights: source({ w }) });
  const { y } = await session.run(fed);
  await session.dispose();
  return Array.from(y!.data as Float32Array);
}

describe('reductions', () => {
  it.each([
    [[2_000_000], undefined],
    [[1009, 1999], undefined],
    [
      [2, 3, 500_009],
      [0, 2],
    ],
    [
      [4, 2, 300, 400],
      [0, 2, 3],
    ],
  ] as const)('of %j over %j keep the digits of f32', async (shape, axes) => {
    const values = b.input('values', 'f32', [...shape]);
    const sums = b.sum(values, axes && [...axes]);
    const means = b.mean(values, axes && [...axes]);
    const session = await backend.compile(closeGraph('reductions', { sums, means }));
    const count = shape.reduce((product: number, d) => product * d, 1);
    const data = Float32Array.from({ length: count }, (_, i) => 0.1 + ((i * 7919) % 1000) / 1e4);
    const exact = data.reduce((sum, v) => sum + v, 0);
    const out = await session.run({ values: f32(shape, data) });
    await session.dispose();
    const total = (name: string) => (out[name]!.data as Float32Array).reduce((sum, v) => sum + v, 0);
    // One chain of additions is wrong by 1e-3 here.
    expect(Math.abs(total('sums') / exact - 1)).toBeLessThan(2e-5);
    expect(Math.abs((total('means') * count) / sizeOf(out.means!.shape) / exact - 1)).toBeLessThan(2e-5);
  });
});

describe('weights in files', () => {
  it.each([
    ['f32', 8],
    ['f32', 1],
    ['f16', 7],
    ['bf16', 3],
  ] as const)('are read as %s at offset %i', async (dtype, offset) => {
    expect(await multiply(stored(`${dtype}-${offset}`, dtype, offset, [2, 3]))).toEqual(product);
  });

  it('may carry ones in their shape', async () => {
    expect(await multiply(stored('ones', 'f32', 5, [2, 3, 1, 1]))).toEqual(product);
  });

  it('may be stored transposed', async () => {
    const w = { ...stored('transposed', 'f32', 0, [3, 2]), transpose: true } as WeightRef;
    // Stored [1, 2; 3, 4; 5, 6] is the weight [1, 3, 5; 2, 4, 6].
    expect(await multiply(w)).toEqual([22, 28, 49, 64]);
  });

  it('may be links out of their folder', async () => {
    const w = stored('target', 'f32', 0, [2, 3]) as Extract<WeightRef, { kind: 'file' }>;
    mkdirSync(join(folder, 'links'));
    symlinkSync(w.path, join(folder, 'links', 'soft'));
    linkSync(w.path, join(folder, 'links', 'hard'));
    for (const name of ['soft', 'hard']) {
      expect(await multiply({ ...w, path: join(folder, 'links', name) })).toEqual(product);
    }
  });

  it('may lie in several folders', async () => {
    const w = stored('first', 'f32', 0, [2, 3]);
    mkdirSync(join(folder, 'other'));
    const v = stored(join('other', 'second'), 'f32', 2, [2, 3]);
    const y = b.matmul(b.linear(x, b.parameter('w', [2, 3])), b.parameter('v', [2, 3]));
    const session = await backend.compile(graphOf(y), { weights: source({ w, v }) });
    // [14, 32; 32, 77] times [1, 2, 3; 4, 5, 6]
    const expected = [142, 188, 234, 340, 449, 558];
    expect(Array.from((await session.run(fed)).y!.data as Float32Array)).toEqual(expected);
  });

  it('that are missing are an EngineError or a system error that names the file', async () => {
    const w: WeightRef = {
      kind: 'file',
      path: join(folder, 'gone'),
      offset: 0,
      byteLength: 24,
      dtype: 'f32',
      shape: [2, 3],
    };
    await expect(multiply(w)).rejects.toThrow(/gone/);
  });
});

describe('weights in memory', () => {
  it('are taken small and large', async () => {
    const size = 64;
    const large = f32(
      [size, size],
      Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 2 : 0)),
    );
    const y = b.mul(b.linear(b.input('x', 'f32', [1, size]), b.parameter('w', [size, size])), b.parameter('s', [1]));
    const weights = source({ w: { kind: 'memory', tensor: large }, s: { kind: 'memory', tensor: f32([1], [3]) } });
    const session = await backend.compile(graphOf(y), { weights });
    const ramp = Float32Array.from({ length: size }, (_, i) => i);
    expect((await session.run({ x: f32([1, size], ramp) })).y!.data).toEqual(ramp.map((v) => 6 * v));
  });
});

describe('a run', () => {
  it('writes into given outputs, the others are made', async () => {
    const w = b.parameter('w', [3]);
    const session = await backend.compile(closeGraph('step', { w: b.sub(w, b.sum(x, [0])), total: b.sum(x) }));
    const states = [f32([3], [10, 10, 10]), zeros('f32', [3])] as const;
    const first = await session.run({ ...fed, w: states[0] }, { into: { w: states[1] } });
    expect(first.w).toBe(states[1]);
    expect(states[1].data).toEqual(Float32Array.of(5, 3, 1));
    expect(first.total!.data).toEqual(Float32Array.of(21));
    await session.run({ ...fed, w: states[1] }, { into: { w: states[0] } });
    expect(states[0].data).toEqual(Float32Array.of(0, -4, -8));
  });

  it('carries integers, booleans and halves', async () => {
    const ids = b.input('ids', 'i64', [2]);
    const half = b.input('half', 'f16', [2]);
    const flag = b.input('flag', 'bool', [2]);
    const outputs = {
      ids: b.add(ids, ids),
      half: b.add(half, half),
      flag: b.logicalNot(flag),
      f64: b.add(b.cast(half, 'f64'), 1),
    };
    const session = await backend.compile(closeGraph('types', outputs));
    const results = await session.run({
      ids: i64([2], [3, -4]),
      half: tensor('f16', [2], f32ToF16Array([0.5, -2])),
      flag: tensor('bool', [2], Uint8Array.of(0, 1)),
    });
    expect(results.ids!.data).toEqual(BigInt64Array.of(6n, -8n));
    expect(results.half!.data).toEqual(f32ToF16Array([1, -4]));
    expect(results.flag!.data).toEqual(Uint8Array.of(1, 0));
    expect(results.f64!.data).toEqual(Float64Array.of(1.5, -1));
    expect(Object.values(results).map((t) => t.dtype)).toEqual(['i64', 'f16', 'bool', 'f64']);
  });

  it('takes matrices of rank zero (an adapter that is switched off)', async () => {
    const rank = symbol('rank');
    const [down, up] = [b.parameter('down', [rank, 3]), b.parameter('up', [2, rank])];
    const session = await backend.compile(graphOf(b.add(b.linear(b.linear(x, down), up), 1)));
    const off = await session.run({ ...fed, down: zeros('f32', [0, 3]), up: zeros('f32', [2, 0]) });
    expect(off.y!.data).toEqual(Float32Array.of(1, 1, 1, 1));
    const on = await session.run({ ...fed, down: f32([1, 3], [1, 1, 1]), up: f32([2, 1], [1, 2]) });
    expect(on.y!.data).toEqual(Float32Array.of(7, 13, 16, 31));
  });

  it('serves every size of an open graph', async () => {
    const [h, w] = [symbol('h'), symbol('w')];
    const image = b.input('image', 'f32', [batch, 2, mulDims(h, 2), w]);
    const y = b.transpose(b.reshape(image, [batch, 2, h, 2, w]), [0, 2, 1, 3, 4]);
    const session = await backend.compile(graphOf(b.mean(y, [3])));
    for (const [n, height, width] of [
      [1, 1, 3],
      [2, 2, 1],
    ] as const) {
      const { y: result } = await session.run({ image: zeros('f32', [n, 2, 2 * height, width]) });
      expect(result!.shape).toEqual([n, height, 2, width]);
    }
  });

  it('names a feed that is missing, misshapen or of the wrong type, and an output that does not fit', async () => {
    const session = await backend.compile(graphOf(b.relu(x)));
    const failing = async (run: Promise<unknown>): Promise<EngineError> => {
      const error = await run.then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(EngineError);
      return error as EngineError;
    };
    expect((await failing(session.run({}))).message).toMatch(/x is missing, expected f32\[batch, 3\]/);
    expect((await failing(session.run({ x: zeros('f32', [2, 4]) }))).message).toMatch(/x got shape \[2, 4\]/);
    expect((await failing(session.run({ x: zeros('i64', [2, 3]) }))).message).toMatch(/x is i64\[2, 3\]/);
    const wrong = session.run(fed, { into: { y: zeros('f32', [3, 3]) } });
    expect((await failing(wrong)).message).toMatch(/y is f32\[3, 3\] with 9 elements, expected f32\[2, 3\]/);
  });
});

describe('the life of a session', () => {
  it('ends with dispose, its own or the backend’s', async () => {
    const other = createOrtNodeBackend({ device: 'cpu', threads: 1 });
    const [own, left] = [await other.compile(graphOf(b.relu(x))), await other.compile(graphOf(b.relu(x)))];
    await own.dispose();
    await own.dispose();
    await other.dispose();
    for (const session of [own, left]) await expect(session.run(fed)).rejects.toMatchObject({ failure: 'disposed' });
  });

  it('loads fast on request', async () => {
    const session = await backend.compile(graphOf(b.relu(x)), { optimize: 'load' });
    expect((await session.run(fed)).y!.data).toEqual(fed.x.data);
  });

  it('refuses bf16 at its border', async () => {
    const y = b.cast(b.input('x', 'bf16', [1]), 'f32');
    await expect(backend.compile(graphOf(y))).rejects.toMatchObject({ failure: 'compile' });
  });

  it('says when a device is not there', async () => {
    const coreml = createOrtNodeBackend({ device: process.platform === 'darwin' ? 'dml' : 'coreml' });
    await expect(coreml.compile(graphOf(b.relu(x)))).rejects.toMatchObject({ failure: 'unavailable' });
  });
});

describe('packed weights', () => {
  const columns = 256;
  const rows = 3;
  /** Blocks of any bits; what lies at the places of the scales is a small number. */
  function packed(packing: BlockPacking): WeightRef {
    const { elements, bytes } = unitOf(packing);
    const data = Uint8Array.from(
      { length: ((rows * columns) / elements) * bytes },
      (_, i) => (i * 97 + (i >> 3)) % 251,
    );
    const halves: Readonly<Record<string, readonly number[]>> = { Q2_K: [80, 82], Q3_K: [108], Q6_K: [208] };
    const places = halves[packing] ?? (/_1$|K$/.test(packing) ? [0, 2] : [0]);
    for (let at = 0; at < data.length; at += bytes)
      for (const place of places) data.set([0x12 + place, 0x24], at + place);
    const range = { path: 'none', offset: 0, byteLength: data.length, shape: [rows, columns] };
    return { kind: 'packed', ...range, source: bytesSource('none', data), packing };
  }

  it.each(blockPackings)('multiplies by %s in blocks as by its values', async (packing) => {
    const ref = packed(packing) as WeightPacked;
    const graph = graphOf(b.linear(b.input('x', 'f32', [batch, columns]), b.parameter('w', [rows, columns])));
    const feeds = {
      x: f32(
        [2, columns],
        Float32Array.from({ length: 2 * columns }, (_, i) => Math.sin(i)),
      ),
    };
    const answers: Float32Array[] = [];
    for (const w of [ref, { kind: 'memory', tensor: await widened(ref) } as const]) {
      const session = await backend.compile(graph, { weights: source({ w }) });
      answers.push((await session.run(feeds)).y!.data as Float32Array);
      await session.dispose();
    }
    const largest = Math.max(...answers[1]!.map(Math.abs));
    expect(largest).toBeGreaterThan(0.1);
    answers[0]!.forEach((v, i) => {
      expect(Math.abs(v - answers[1]![i]!)).toBeLessThan(1e-5 * largest);
    });
  });

  it('multiplies by blocks without prepacking', async () => {
    const w = packed('Q8_0');
    const graph = graphOf(b.linear(b.input('x', 'f32', [batch, columns]), b.parameter('w', [rows, columns])));
    const session = await backend.compile(graph, { weights: source({ w }), optimize: 'load' });
    const { y } = await session.run({ x: f32([1, columns], new Float32Array(columns).fill(1)) });
    const first = (await widened(w as WeightPacked)).data.subarray(0, columns).reduce((sum, v) => sum + v, 0);
    expect(Math.abs(Number(y!.data[0]) - first)).toBeLessThan(1e-4 * Math.abs(first) + 1e-4);
    await session.dispose();
  });

  it('keeps blocks for linear layers alone', async () => {
    const w = packed('Q8_0');
    const y = b.matmul(b.input('x', 'f32', [batch, rows]), b.parameter('w', [rows, columns]));
    const session = await backend.compile(graphOf(y), { weights: source({ w }) });
    const values = (await widened(w as WeightPacked)).data;
    const { y: got } = await session.run({ x: f32([1, rows], [1, 0, 0]) });
    expect(got!.data).toEqual(values.slice(0, columns));
    await session.dispose();
  });
});
