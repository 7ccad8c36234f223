import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkSchedules, type SchedulesFile } from '../../test/goldens/schedule-rows.ts';
import { UnknownNameError } from './named.ts';
import { stableDiffusionTable } from './noise-table.ts';
import { findScheduler, schedulers, scheduleSigmas } from './schedules.ts';

const golden = new URL('../../test/goldens/data/numeric/schedules.json', import.meta.url);
const file = JSON.parse(readFileSync(golden, 'utf8')) as SchedulesFile;
const checks = [...checkSchedules(file)];

describe('golden schedules', () => {
  it('covers every section', () => {
    const sections = new Set(checks.map((check) => check.name.split('/')[0]!));
    const held = Object.keys(file).filter((key) => !/^(about|schema|seed|worst_)/.test(key));
    expect([...sections].sort()).toEqual(held.sort());
  });

  it('agrees in every row', () => {
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

describe('schedulers', () => {
  const table = stableDiffusionTable();

  it.each(schedulers.map((row) => row.name))('%s descends for any number of steps', (name) => {
    for (const n of [1, 2, 3, 7, 20, 50, 150, 999]) {
      const sigmas = scheduleSigmas(findScheduler(name), n, table);
      expect(sigmas.length).toBeGreaterThanOrEqual(2);
      expect(sigmas.findIndex((sigma, i) => i > 0 && !(sigma < sigmas[i - 1]!))).toBe(-1);
      expect(sigmas.at(-1)).toBeGreaterThanOrEqual(0);
    }
  });

  it('are found by label and alias whatever the case', () => {
    expect(findScheduler('SGMUniform').name).toBe('SGM Uniform');
    expect(findScheduler('sgm uniform').name).toBe('SGM Uniform');
    expect(findScheduler('KARRAS').name).toBe('Karras');
  });

  it('names the nearest for an unknown one', () => {
    expect(() => findScheduler('Karas')).toThrow(UnknownNameError);
    expect(() => findScheduler('Karas')).toThrow(/There is no scheduler "Karas". Did you mean "Karras"/);
    expect(() => findScheduler('x'.repeat(100_000))).toThrow(/xxx…/);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses %s steps', (steps) => {
    expect(() => scheduleSigmas(findScheduler('Karras'), steps, table)).toThrow(/whole number from 1; got/);
  });
});
