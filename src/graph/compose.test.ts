import { describe, expect, it } from 'vitest';
import { f32, type HostTensor, i64, tensor } from '#core/tensor';
import * as b from './build.ts';
import * as c from './compose.ts';
import { symbol } from './dim.ts';
import { interpret } from './interpret.ts';
import { closeGraph, type Value } from './value.ts';

/** Runs one value in float64 and returns its shape and elements. */
function run(y: Value, feeds: Record<string, HostTensor> = {}): { shape: readonly number[]; data: number[] } {
  const result = interpret(closeGraph('test', { y }), feeds, { precision: 'f64' }).y!;
  return { shape: result.shape, data: Array.from(result.data, Number) };
}

function wave(shape: readonly number[], phase: number): HostTensor<'f64'> {
  const size = shape.reduce((n, d) => n * d, 1);
  return tensor(
    'f64',
    shape,
    new Float64Array(size).map((_, i) => Math.sin(phase + 1.3 * i)),
  );
}

describe('shapes and constants', () => {
  it('fills symbolic shapes and counts them', () => {
    const x = b.input('x', 'f32', [symbol('n'), 3]);
    const feeds = { x: f32([4, 3], new Float32Array(12)) };
    expect(run(b.add(x, c.filled(2, 'f32', x.shape)), feeds).data).toEqual(new Array(12).fill(2));
    expect(run(b.add(b.mul(b.sum(x), 0), c.countOf(x.shape, 'f32')), feeds).data).toEqual([12]);
  });

  it('encodes halves in constants', () => {
    expect(run(b.full(0.5, 'f16', [2])).data).toEqual([0.5, 0.5]);
    expect(run(b.full(-3, 'bf16')).data).toEqual([-3]);
  });

  it('stacks, squeezes and refuses to squeeze', () => {
    const x = b.constant(f32([2], [1, 2]));
    expect(run(c.stack([x, x], 1))).toEqual({ shape: [2, 2], data: [1, 1, 2, 2] });
    expect(run(c.squeeze(c.unsqueeze(x, -1), -1)).shape).toEqual([2]);
    expect(() => c.squeeze(x, 0)).toThrow('axis 0 has size 2, expected 1');
  });

  it('turns classes into ones', () => {
    const ids = b.constant(i64([2], [2, 0]));
    expect(run(c.oneHot(ids, 3))).toEqual({ shape: [2, 3], data: [0, 0, 1, 1, 0, 0] });
  });

  it('moves pixels into channels as torch.nn.PixelUnshuffle does', () => {
    const x = b.reshape(c.arange(16), [1, 1, 4, 4]);
    const rows = [
      [0, 2, 8, 10],
      [1, 3, 9, 11],
      [4, 6, 12, 14],
      [5, 7, 13, 15],
    ];
    expect(run(c.pixelUnshuffle(x, 2))).toEqual({ shape: [1, 4, 2, 2], data: rows.flat() });
  });

  it('flattens all but the batch', () => {
    expect(run(c.flatten(b.full(0, 'f32', [2, 3, 4]))).shape).toEqual([2, 12]);
  });
});

describe('normalisation', () => {
  const x = b.input('x', 'f64', [3, 2, 2, 2]);
  const weight = b.constant(wave([2], 0.4));
  const bias = b.constant(wave([2], 2));
  const feeds = { x: wave([3, 2, 2, 2], 0.1) };

  it('of a batch by its own statistics is the same as by those given', () => {
    const train = c.batchNormTrain(x, weight, bias);
    const given = run(c.batchNorm(x, weight, bias, train.mean, train.variance), feeds);
    run(train.y, feeds).data.forEach((v, i) => {
      expect(given.data[i]).toBeCloseTo(v, 12);
    });
  });

  it('of an instance has mean bias and deviation weight in every channel', () => {
    const y = c.instanceNorm(x, weight, bias, 0);
    const mean = run(b.mean(y, [2, 3]), feeds).data;
    const deviation = run(b.sqrt(c.variance(y, 0, { axes: [2, 3] })), feeds).data;
    for (let i = 0; i < 6; i++) {
      expect(mean[i]).toBeCloseTo(wave([2], 2).data[i % 2]!, 12);
      expect(deviation[i]).toBeCloseTo(Math.abs(wave([2], 0.4).data[i % 2]!), 12);
    }
  });
});

describe('losses', () => {
  const p = b.constant(f32([3], [1, 2, -4]));
  const zero = b.full(0, 'f32', [3]);

  it('reduce by mean, by sum or not at all', () => {
    expect(run(c.mse(p, zero)).data).toEqual([7]);
    expect(run(c.mse(p, zero, 'sum')).data).toEqual([21]);
    expect(run(c.mse(p, zero, 'none')).data).toEqual([1, 4, 16]);
  });

  it('bend at delta', () => {
    expect(run(c.huber(p, zero, 2, 'none')).data).toEqual([0.5, 2, 6]);
    expect(run(c.smoothL1(p, zero, 2, 'none')).data).toEqual([0.25, 1, 3]);
  });

  it('cross entropy takes classes on any axis', () => {
    const logits = b.constant(f32([1, 2, 2], [0, 5, 0, 5]));
    const targets = b.constant(i64([1, 2], [0, 1]));
    expect(run(c.crossEntropy(logits, targets, 1)).data[0]).toBeCloseTo(Math.log(2), 7);
    const last = Math.log(1 + Math.exp(5));
    expect(run(c.crossEntropy(logits, targets, -1)).data[0]).toBeCloseTo((last + (last - 5)) / 2, 7);
  });

  it('the divergence of a standard normal from itself is zero, of a shifted one half its square', () => {
    const mean = b.constant(f32([2, 1], [0, 3]));
    expect(run(c.gaussianKl(mean, b.full(0, 'f32', [2, 1]))).data).toEqual([0, 4.5]);
  });

  it('logsumexp does not overflow', () => {
    const x = b.constant(f32([1, 2], [1000, 1000]));
    expect(run(c.logsumexp(x, -1, true))).toEqual({ shape: [1, 1], data: [1000 + Math.log(2)] });
  });
});

describe('adapters of rank zero', () => {
  it('add nothing', () => {
    const rank = symbol('rank');
    const x = b.constant(f32([1, 2], [3, 4]));
    const delta = b.linear(b.linear(x, b.input('down', 'f32', [rank, 2])), b.input('up', 'f32', [2, rank]));
    const feeds = { down: f32([0, 2], []), up: f32([2, 0], []) };
    expect(run(b.add(x, delta), feeds).data).toEqual([3, 4]);
  });
});
