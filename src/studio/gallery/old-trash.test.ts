import { beforeEach, expect, it } from 'vitest';
import { TrashClock } from './old-trash.ts';

const day = 86_400_000;
const quarter = day / 96;
let wall: number;
let time: number;
let clock: TrashClock;

beforeEach(() => {
  wall = 1000 * day;
  time = 0;
  clock = new TrashClock({ now: () => wall, monotonic: () => time });
});

function pass(ms: number): void {
  wall += ms;
  time += ms;
}

it('lets go what is old at two looks between which the clock went as time does', () => {
  expect(clock.look(30 * day)).toBeUndefined();
  pass(quarter);
  expect(clock.look(30 * day)).toBe(970 * day);
});

it('lets nothing go after a jump ahead or back, nor at the look after it came back', () => {
  clock.look(30 * day);
  pass(quarter);
  wall += 40 * day;
  expect(clock.look(30 * day)).toBeUndefined();
  pass(quarter);
  wall -= 40 * day;
  expect(clock.look(30 * day)).toBeUndefined();
  pass(quarter);
  expect(clock.look(30 * day)).toBe(970 * day + 2 * quarter);
});
