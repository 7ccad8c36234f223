/**
 * X/Y/Z plot: pictures over up to three axes of settings, as a grid with labels.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, scripts/xyz_grid.py.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { type Axis, type AxisValue, findAxis } from './axes.ts';
import { fixedSeeds, gridMargin, seriesForm } from './form.ts';
import { maxCells, type PlainRequest } from './series.ts';

const axis = (letter: string) =>
  z
    .string()
    .max(100)
    .optional()
    .describe(`What varies along ${letter}: a setting by its name, promptReplace, promptOrder or size.`)
    .meta({ label: `${letter} axis`, control: 'choice', choices: 'axes' });

const values = (letter: string) =>
  z
    .string()
    .max(100_000)
    .default('')
    .describe(`Its values, with commas; numbers also as 1-5, 1-5 (+2) or 1-5 [3].`)
    .meta({ label: `${letter} values`, control: 'text', when: `${letter.toLowerCase()}Axis` });

const schema = z.object({
  xAxis: axis('X'),
  xValues: values('X'),
  yAxis: axis('Y'),
  yValues: values('Y'),
  zAxis: axis('Z'),
  zValues: values('Z'),
  labels: z
    .boolean()
    .default(true)
    .describe('Write the values beside the grid.')
    .meta({ label: 'Labels', control: 'switch' }),
  margin: gridMargin,
  varySeeds: z
    .array(z.enum(['X', 'Y', 'Z']))
    .default([])
    .describe('Count the seed up along these axes.')
    .meta({ label: 'Vary seeds along', control: 'choice' }),
  keepRandom: z
    .boolean()
    .default(false)
    .describe('A new random seed for each picture, where the seed is left open.')
    .meta({ label: 'Keep -1 for seeds', control: 'switch' }),
});

interface GivenAxis {
  readonly letter: 'X' | 'Y' | 'Z';
  readonly axis: Axis | undefined;
  readonly text: string;
  readonly values: readonly AxisValue[];
}

const nothing: AxisValue = { label: '', changes: () => ({}) };

export const plot = seriesForm({
  name: 'plot',
  title: 'X/Y/Z plot',
  help: 'Pictures over up to three axes of settings, as a grid.',
  schema,
  expand({ labels, margin, keepRandom, varySeeds, ...given }, request, { drawSeed }) {
    const base = keepRandom ? request : fixedSeeds(request, drawSeed);
    const read = (letter: 'X' | 'Y' | 'Z', name: string | undefined, text: string): GivenAxis => {
      const found = name === undefined || /^(nothing)?$/i.test(name) ? undefined : findAxis(name);
      const list = found ? found.values(text, keepRandom ? () => -1 : drawSeed) : [nothing];
      if (list.length === 0) throw new UserError('series.values', `The ${letter} axis ${found!.label} has no values.`);
      return { letter, axis: found, text, values: list };
    };
    const [x, y, z] = [
      read('X', given.xAxis, given.xValues),
      read('Y', given.yAxis, given.yValues),
      read('Z', given.zAxis, given.zValues),
    ];
    const count = x.values.length * y.values.length * z.values.length;
    if (count > maxCells) throw new UserError('series.size', `A plot has at most ${maxCells} pictures, not ${count}.`);
    return {
      base,
      cells: cellsOf(base, [x, y, z], varySeeds),
      order: orderOf([x, y, z]),
      grid: { ...gridOf(x, y, z), margin, labels },
      told: toldOf([x, y, z], keepRandom),
    };
  },
});

function cellsOf(base: PlainRequest, axes: readonly [GivenAxis, GivenAxis, GivenAxis], varied: readonly string[]) {
  const [x, y, z] = axes;
  const onTop = (request: PlainRequest, value: AxisValue) =>
    ({ ...request, ...value.changes(request) }) as PlainRequest;
  return z.values.flatMap((page, iz) =>
    y.values.flatMap((row, iy) =>
      x.values.map((column, ix) => {
        const drawn = onTop(onTop(onTop(base, column), row), page);
        const added = drawn.seed < 0 ? 0 : seedStep(axes, varied, [ix, iy, iz]);
        const request = added === 0 ? drawn : { ...drawn, seed: drawn.seed + added };
        const changed = Object.entries(request).filter(([name, value]) => value !== base[name as keyof PlainRequest]);
        return { changes: Object.fromEntries(changed) as Record<string, unknown> };
      }),
    ),
  );
}

/** As far as the axes along which it counts have come. */
function seedStep(
  axes: readonly [GivenAxis, GivenAxis, GivenAxis],
  varied: readonly string[],
  at: readonly [number, number, number],
): number {
  let [step, size] = [0, 1];
  for (const [i, { letter, values: list }] of axes.entries()) {
    if (!varied.includes(letter)) continue;
    step += at[i]! * size;
    size *= list.length;
  }
  return step;
}

const gridOf = (x: GivenAxis, y: GivenAxis, z: GivenAxis) => ({
  columns: x.values.map(({ label }) => label),
  rows: y.values.map(({ label }) => label),
  pages: z.values.map(({ label }) => label),
});

/** Cells by their dearest axis first, so that a checkpoint is loaded once. */
function orderOf(given: readonly [GivenAxis, GivenAxis, GivenAxis]): number[] {
  const [x, y] = given.map(({ values: list }) => list.length) as [number, number];
  const placeOn = [(i: number) => i % x, (i: number) => Math.floor(i / x) % y, (i: number) => Math.floor(i / (x * y))];
  // Of equal cost Z before Y before X.
  const byCost = [2, 1, 0].sort((a, b) => (given[b]!.axis?.cost ?? 0) - (given[a]!.axis?.cost ?? 0));
  const count = given.reduce((product, { values: list }) => product * list.length, 1);
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => {
    for (const axis of byCost) {
      const difference = placeOn[axis]!(a) - placeOn[axis]!(b);
      if (difference !== 0) return difference;
    }
    return 0;
  });
}

function toldOf(given: readonly GivenAxis[], keepRandom: boolean): [string, string][] {
  const told: [string, string][] = [['Script', plotTitle]];
  for (const { letter, axis: one, text, values: list } of given) {
    if (!one) continue;
    told.push([`${letter} Type`, one.label], [`${letter} Values`, text]);
    const isSeed = one.name === 'seed' || one.name === 'subseed';
    const fixed = list.map(({ label }) => label.replace(/^.*: /, '')).join(', ');
    if (isSeed && !keepRandom) told.push([`Fixed ${letter} Values`, fixed]);
  }
  return told;
}

const plotTitle = 'X/Y/Z plot';
