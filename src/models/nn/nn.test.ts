import { describe, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import { input } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph } from '#graph/value';
import type { UNetConfig } from '../unet/config.ts';
import { unetGraph } from '../unet/network.ts';
import { gridBindings, latentGrid } from './grid.ts';
import { initialValue } from './init.ts';
import { Scope } from './scope.ts';
import { sinusoids } from './time-embedding.ts';

/** Evenly spread on [0, 1); the normal numbers are not normal, only told apart. */
function counter(): { uniform(): number; normal(): number } {
  let n = 0;
  return { uniform: () => (n++ * 0.618034) % 1, normal: () => n++ };
}

describe('Scope', () => {
  it('prefixes names and gives one value for one name', () => {
    const root = new Scope('unet');
    const weight = root.child('mid.conv').parameter('weight', [2], { kind: 'ones' });
    expect(root.child('mid').child('conv').parameter('weight', [2], { kind: 'ones' })).toBe(weight);
    expect(root.declared().map((p) => p.name)).toEqual(['unet.mid.conv.weight']);
    expect(() => root.parameter('mid.conv.weight', [3], { kind: 'ones' })).toThrow(/\[2\] and as \[3\]/);
  });
});

describe('sinusoids', () => {
  it('are cosines, then sines, of falling frequencies', () => {
    const t = [0, 1, 37.5, 999];
    const graph = closeGraph('t', { out: sinusoids(input('t', 'f32', [4]), 6) });
    const { out } = interpret(graph, { t: f32([4], t) }, { precision: 'f64' });
    const frequencies = [1, 10000 ** (-1 / 3), 10000 ** (-2 / 3)];
    const expected = t.flatMap((v) => [
      ...frequencies.map((f) => Math.cos(v * f)),
      ...frequencies.map((f) => Math.sin(v * f)),
    ]);
    Array.from(out!.data as Float64Array).forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 4);
    });
  });
});

describe('initial values', () => {
  it('stay within their bounds or constants', () => {
    const uniform = initialValue([100], { kind: 'uniform', bound: 0.25 }, counter()).data as Float32Array;
    expect(Math.max(...uniform)).toBeGreaterThan(0.2);
    expect(Math.max(...uniform)).toBeLessThanOrEqual(0.25);
    expect(Math.min(...uniform)).toBeLessThan(-0.2);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(-0.25);
    expect(initialValue([3], { kind: 'normal', std: 0.5 }, counter()).data).toEqual(new Float32Array([0, 0.5, 1]));
    expect(initialValue([2], { kind: 'ones' }, counter()).data).toEqual(new Float32Array([1, 1]));
    expect(initialValue([2], { kind: 'zeros' }, counter()).data).toEqual(new Float32Array(2));
  });
});

describe('the U-Net', () => {
  const config: UNetConfig = {
    inChannels: 2,
    outChannels: 2,
    blockChannels: [4, 8, 8],
    layersPerBlock: 1,
    transformerDepth: [0, 1, 0],
    midTransformerDepth: 1,
    heads: [1, 2, 2],
    contextWidth: 3,
    linearProjection: true,
    normGroups: 2,
  };
  const scope = new Scope('unet');
  const open = unetGraph(config, { scope });
  const random = counter();
  const spread = { kind: 'uniform', bound: 0.3 } as const;
  const parameters = Object.fromEntries(scope.declared().map((p) => [p.name, initialValue(p.shape, spread, random)]));

  const feeds = (height: number, width: number): Record<string, ReturnType<typeof f32>> => ({
    sample: initialValue([1, 2, height, width], spread, random) as ReturnType<typeof f32>,
    timestep: f32([1], [500]),
    context: initialValue([1, 2, 3], spread, random) as ReturnType<typeof f32>,
  });

  it('starts as zero: its output layer and its residual branches do', () => {
    const zero = scope.declared().filter((p) => p.initializer.kind === 'zeros' && p.name.endsWith('.weight'));
    expect(zero.map((p) => p.name)).toEqual(
      expect.arrayContaining(['unet.conv_out.weight', 'unet.mid_block.resnets.0.conv2.weight']),
    );
    expect(zero.filter((p) => !/(conv2|proj_out|conv_out)\.weight$/.test(p.name))).toEqual([]);
  });

  it('gives the same answer with open sizes as with fixed ones', () => {
    const size = { height: 4, width: 8 };
    expect(gridBindings(3, size)).toEqual({ gridHeight: 1, gridWidth: 2 });
    const given = feeds(4, 8);
    const fixed = interpret(unetGraph(config, { size }), given, { parameters });
    expect(interpret(open, given, { parameters })).toEqual(fixed);
    expect(fixed.prediction!.shape).toEqual([1, 2, 4, 8]);
  });

  it('keeps the size of a latent that its levels do not divide', () => {
    const size = { height: 7, width: 5 };
    const graph = unetGraph(config, { size });
    const { prediction } = interpret(graph, feeds(7, 5), { parameters });
    expect(prediction!.shape).toEqual([1, 2, 7, 5]);
    expect(Array.from(prediction!.data as Float32Array).every(Number.isFinite)).toBe(true);
  });

  it('has open sizes that divide exactly', () => {
    expect(latentGrid(4).height.toString()).toBe('8*gridHeight');
  });
});
