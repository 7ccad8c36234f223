import { expect, it } from 'vitest';
import { fixedShape } from '#graph/dim';
import { families } from '#models/families';
import { publishedMemory } from './published.ts';

const named = (id: string) => families.find((family) => family.id === id)!;

it.each([
  // Bytes of the published files, which have two for each parameter (SD 1.5's has four).
  ['sd1', 4_265_146_304 / 4],
  ['sdxl', 6_938_078_334 / 2],
  ['sdxl-refiner', 6_075_981_930 / 2],
])('knows the sizes of %s: its file has as many parameters', (id, parameters) => {
  const { published, parameters: declared } = named(id);
  const count = declared(published).reduce(
    (sum, { shape }) => sum + fixedShape(shape, 'a parameter').reduce((n, side) => n * side, 1),
    0,
  );
  expect(Math.abs(count / parameters - 1)).toBeLessThan(0.003);
});

it('tells what a picture takes with room and in the smallest parts', () => {
  const { usual, least } = publishedMemory(named('sd1'))!;
  // As measured (README, "Memory").
  expect(usual / 1e9).toBeCloseTo(6.4, 0);
  expect(least).toBeLessThan(usual);
  expect(publishedMemory(named('sd1'), 768)!.usual).toBeGreaterThan(usual);
});
