/** The sizes of upscalers by their tensors alone; what they compute is held to goldens. */

import { describe, expect, it } from 'vitest';
import { describeFile } from '../detect.ts';
import { Scope } from '../nn/scope.ts';
import type { TensorTable } from '../tensor-table.ts';
import { upscalerArchitectures } from './index.ts';
import { upscalerGraph, upscalerScope } from './upscaler.ts';

const convs = (...entries: [string, number[]][]): TensorTable =>
  new Map(
    entries.flatMap(([name, shape]) => [
      [`${name}.weight`, { dtype: 'f32', shape }],
      [`${name}.bias`, { dtype: 'f32', shape: [shape[0]!] }],
    ]),
  );

/** ESRGAN's numbered modules: one block, `steps` enlargements. */
function numbered(steps: number): TensorTable {
  const dense = [1, 2, 3].flatMap((rdb) =>
    [1, 2, 3, 4, 5].map((k): [string, number[]] => [
      `model.1.sub.0.RDB${rdb}.conv${k}.0`,
      [k === 5 ? 8 : 4, 8 + 4 * (k - 1), 3, 3],
    ]),
  );
  const ups = Array.from({ length: steps }, (_, i): [string, number[]] => [`model.${3 * (i + 1)}`, [8, 8, 3, 3]]);
  const last = 3 * steps + 2;
  return convs(
    ['model.0', [8, 3, 3, 3]],
    ...dense,
    ['model.1.sub.1', [8, 8, 3, 3]],
    ...ups,
    [`model.${last}`, [8, 8, 3, 3]],
    [`model.${last + 2}`, [3, 8, 3, 3]],
  );
}

function opened(tensors: TensorTable) {
  const architecture = upscalerArchitectures.find((each) => each.recognise(tensors))!;
  const network = architecture.open(tensors);
  const scope = new Scope(upscalerScope);
  const { outputs } = upscalerGraph(network, { scope, size: { height: 12, width: 8 } });
  const stored = scope.declared().map(({ name }) => network.keys(name.slice(upscalerScope.length + 1))[0]!.name);
  return { scale: network.scale, shape: outputs.image!.shape, stored };
}

describe('upscalers', () => {
  it.each([0, 1, 2, 3])('of the numbered layout with %d enlarging steps', (steps) => {
    const tensors = numbered(steps);
    const { scale, shape, stored } = opened(tensors);
    expect(scale).toBe(2 ** steps);
    expect(shape).toEqual([expect.anything(), 3, 12 * scale, 8 * scale]);
    expect(new Set(stored)).toEqual(new Set(tensors.keys()));
    expect(describeFile(tensors).kind).toBe('upscaler');
  });

  it.each([
    [3, 4],
    [12, 2],
    [48, 1],
  ])('that take %d channels enlarge by %d', (channels, scale) => {
    const own = [...numbered(2)].map(([name, facts]) => {
      const renamed = name
        .replace('model.1.sub.0.RDB', 'body.0.rdb')
        .replace(/(conv\d)\.0\./, '$1.')
        .replace('model.1.sub.1.', 'conv_body.')
        .replace('model.0.', 'conv_first.')
        .replace('model.3.', 'conv_up1.')
        .replace('model.6.', 'conv_up2.')
        .replace('model.8.', 'conv_hr.')
        .replace('model.10.', 'conv_last.');
      return [renamed, renamed === 'conv_first.weight' ? { ...facts, shape: [8, channels, 3, 3] } : facts] as const;
    });
    expect(opened(new Map(own))).toMatchObject({ scale, shape: [expect.anything(), 3, 12 * scale, 8 * scale] });
  });

  it('say what is wrong with one that takes grey pictures', () => {
    const grey = new Map(numbered(2)).set('model.0.weight', { dtype: 'f32', shape: [8, 1, 3, 3] });
    expect(() => opened(grey)).toThrow('expected RGB in');
  });
});
