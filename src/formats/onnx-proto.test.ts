import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeModel, type OnnxModel } from './onnx-proto.ts';
import { decodeFields, type ProtoField, ProtoWriter } from './protobuf.ts';
import { decodeUtf8 } from './text.ts';

const FLOAT = 1;
const INT64 = 7;

function fields(bytes: Uint8Array, number: number): ProtoField[] {
  return [...decodeFields(bytes)].filter((f) => f.field === number);
}

function nested(bytes: Uint8Array, ...path: number[]): Uint8Array {
  return path.reduce((message, number) => fields(message, number)[0]!.value as Uint8Array, bytes);
}

function texts(bytes: Uint8Array, number: number): string[] {
  return fields(bytes, number).map((f) => decodeUtf8(f.value as Uint8Array)!);
}

/** y = 0.5 (x w) w2^T with a symbolic batch; constants `c` and `i` hold an int64 beyond 2^53. */
function model(big: bigint): OnnxModel {
  const weights = Float32Array.from({ length: 2048 * 2 }, (_, i) => (i % 7) - 3);
  return {
    irVersion: 10,
    producerName: 'darkroom',
    producerVersion: '1',
    opsets: [
      { domain: '', version: 21 },
      { domain: 'com.microsoft', version: 1 },
    ],
    metadata: { title: 'größe' },
    graph: {
      name: 'test',
      nodes: [
        {
          opType: 'MatMul',
          domain: '',
          name: 'm',
          inputs: ['x', 'w'],
          outputs: ['xw'],
          attributes: [],
        },
        {
          opType: 'FusedMatMul',
          domain: 'com.microsoft',
          name: 'f',
          inputs: ['xw', 'w2'],
          outputs: ['y'],
          attributes: [
            { name: 'alpha', type: 'float', value: 0.5 },
            { name: 'transB', type: 'int', value: 1 },
          ],
        },
        {
          opType: 'Constant',
          domain: '',
          name: 'c',
          inputs: [],
          outputs: ['c'],
          attributes: [
            {
              name: 'value',
              type: 'tensor',
              value: {
                name: '',
                dataType: INT64,
                dims: [2],
                rawData: new Uint8Array(BigInt64Array.of(big, -1n).buffer),
              },
            },
          ],
        },
        {
          opType: 'Constant',
          domain: '',
          name: 'i',
          inputs: [],
          outputs: ['i'],
          attributes: [{ name: 'value_ints', type: 'ints', value: [big, -5, 0, 2 ** 40] }],
        },
      ],
      initializers: [
        { name: 'w', dataType: FLOAT, dims: [2, 2048], rawData: new Uint8Array(weights.buffer) },
        { name: 'w2', dataType: FLOAT, dims: [2, 2048], rawData: new Uint8Array(weights.buffer) },
      ],
      inputs: [{ name: 'x', dataType: FLOAT, shape: ['batch', 2] }],
      outputs: [
        { name: 'y', dataType: FLOAT, shape: ['batch', 2] },
        { name: 'c', dataType: INT64, shape: [2] },
        { name: 'i', dataType: INT64, shape: [4] },
      ],
    },
  };
}

describe('encodeModel', () => {
  it('is read by ONNX Runtime: several domains, symbolic sizes, large initialisers, exact int64', async () => {
    const big = 2n ** 60n + 3n;
    const session = await InferenceSession.create(encodeModel(model(big)), {
      intraOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    expect(session.inputNames).toEqual(['x']);
    const out = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2, -1, 0, 3, 5), [3, 2]) });
    expect([...(out.c!.data as BigInt64Array)]).toEqual([big, -1n]);
    expect([...(out.i!.data as BigInt64Array)]).toEqual([big, -5n, 0n, 2n ** 40n]);
    const w = (row: number, column: number): number => ((row * 2048 + column) % 7) - 3;
    const want = [1, 2, -1, 0, 3, 5].map((_, k, x) => {
      const row = k >> 1;
      let sum = 0;
      for (let c = 0; c < 2048; c++) sum += (x[row * 2]! * w(0, c) + x[row * 2 + 1]! * w(1, c)) * w(k & 1, c);
      return sum / 2;
    });
    expect(out.y!.dims).toEqual([3, 2]);
    expect([...(out.y!.data as Float32Array)]).toEqual(want);
  });

  it('writes metadata, operator sets and external data entries', () => {
    const base = model(1n);
    const external = { location: 'model.safetensors', offset: 2 ** 33 + 8, length: 16 };
    const bytes = encodeModel({
      ...base,
      graph: { ...base.graph, initializers: [{ name: 'w', dataType: FLOAT, dims: [2, 2], external }] },
    });
    const tensor = nested(bytes, 7, 5);
    expect(fields(tensor, 1).map((f) => f.value)).toEqual([2n, 2n]);
    expect(fields(tensor, 9)).toEqual([]);
    const entries = fields(tensor, 13).map((f) => [1, 2].map((n) => texts(f.value as Uint8Array, n)[0]));
    expect(entries).toEqual([
      ['location', 'model.safetensors'],
      ['offset', '8589934600'],
      ['length', '16'],
    ]);
    expect(fields(tensor, 14)[0]!.value).toBe(1n);
    expect([1, 2].map((n) => texts(nested(bytes, 14), n)[0])).toEqual(['title', 'größe']);
    const opsets = fields(bytes, 8).map((f) => [
      texts(f.value as Uint8Array, 1)[0],
      fields(f.value as Uint8Array, 2)[0]!.value,
    ]);
    expect(opsets).toEqual([
      ['', 21n],
      ['com.microsoft', 1n],
    ]);
  });

  it('keeps omitted inputs and every kind of attribute', () => {
    const base = model(1n);
    const bytes = encodeModel({
      ...base,
      graph: {
        ...base.graph,
        nodes: [
          {
            opType: 'Clip',
            domain: '',
            name: 'clip',
            inputs: ['x', '', 'high'],
            outputs: ['y'],
            attributes: [
              { name: 'a', type: 'float', value: -0.1 },
              { name: 'b', type: 'string', value: 'ö' },
              { name: 'c', type: 'floats', value: [1.5, -2] },
              { name: 'd', type: 'strings', value: ['p', ''] },
              { name: 'e', type: 'ints', value: [] },
            ],
          },
        ],
      },
    });
    const node = nested(bytes, 7, 1);
    expect(texts(node, 1)).toEqual(['x', '', 'high']);
    const attributes = fields(node, 5).map((f) => f.value as Uint8Array);
    expect(attributes.map((a) => fields(a, 20)[0]!.value)).toEqual([1n, 3n, 6n, 8n, 7n]);
    const float = (bytes4: Uint8Array): number => new DataView(bytes4.slice().buffer).getFloat32(0, true);
    expect(float(fields(attributes[0]!, 2)[0]!.value as Uint8Array)).toBe(Math.fround(-0.1));
    expect(texts(attributes[1]!, 4)).toEqual(['ö']);
    expect(fields(attributes[2]!, 7).map((f) => float(f.value as Uint8Array))).toEqual([1.5, -2]);
    expect(texts(attributes[3]!, 9)).toEqual(['p', '']);
  });
});

describe('protobuf wire format', () => {
  it.each([
    [0, '0800'],
    [127, '087f'],
    [128, '088001'],
    [300, '08ac02'],
    [2 ** 31, '088080808008'],
    [2 ** 53 - 1, '08ffffffffffffff0f'],
    [2n ** 63n - 1n, '08ffffffffffffffff7f'],
    [-1, '08ffffffffffffffffff01'],
    [-(2n ** 63n), '0880808080808080808001'],
  ])('writes %s as %s and reads it back', (value, hex) => {
    const w = new ProtoWriter();
    w.int64(1, value);
    const bytes = w.finish();
    expect([...bytes].map((b) => b.toString(16).padStart(2, '0')).join('')).toBe(hex);
    expect([...decodeFields(bytes)]).toEqual([{ field: 1, wire: 'varint', value: BigInt(value) }]);
  });

  it.each([1.5, 2 ** 53, Number.NaN, 2n ** 63n, -(2n ** 63n) - 1n])('refuses %s as an int64', (value) => {
    expect(() => new ProtoWriter().int64(1, value)).toThrow(/int64/);
  });

  it.each([
    ['varint cut', [0x08, 0x80]],
    ['length beyond the end', [0x0a, 0x05, 0x00]],
    ['varint of eleven bytes', [0x08, ...new Array<number>(10).fill(0x80), 0x01]],
    ['group', [0x0b]],
    ['field number 0', [0x00, 0x00]],
  ])('refuses a message with %s', (_, bytes) => {
    expect(() => [...decodeFields(Uint8Array.from(bytes))]).toThrow(
      expect.objectContaining({ code: 'protobuf.malformed' }),
    );
  });
});
