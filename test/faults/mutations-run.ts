/**
 * Applies the mutations one at a time to a copy of the sources and runs the tests that are to notice each. A copy that
 * is not broken must pass first, so that a test which fails anyway notices nothing.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type Mutation, mutations } from './mutations.ts';

export interface MutationReport {
  readonly tried: number;
  readonly noticed: number;
  readonly seconds: number;
  /** Mutations that no test noticed, or that could not be tried. */
  readonly problems: readonly string[];
}

const root = resolve(import.meta.dirname, '../..');
/** What is broken, and what finds its way by where it lies; everything else is linked. */
const copied: readonly string[] = ['src', 'test', 'package.json', 'vitest.config.ts'];
const left: readonly string[] = ['.git', 'dist', '.build'];
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const mostMs = 300_000;

/** @param chosen default: all of them */
export function mutationsRun(tell: (line: string) => void, chosen: readonly Mutation[] = mutations): MutationReport {
  const start = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-mutations-'));
  try {
    for (const name of readdirSync(root)) {
      if (copied.includes(name)) cpSync(join(root, name), join(folder, name), { recursive: true });
      else if (!left.includes(name)) symlinkSync(join(root, name), join(folder, name));
    }
    const tests = [...new Set(chosen.flatMap((mutation) => mutation.tests))];
    const failure = failureOf(folder, tests);
    const isSound = failure === undefined;
    tell(failure ?? 'all tests pass before anything is broken');
    const problems = isSound
      ? chosen.flatMap((mutation) => tryOne(folder, mutation, tell))
      : chosen.map(({ breaks }) => `${breaks}: not tried, since a test fails before anything is broken`);
    const seconds = Math.round((performance.now() - start) / 1000);
    return { tried: chosen.length, noticed: chosen.length - problems.length, seconds, problems };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tryOne(folder: string, mutation: Mutation, tell: (line: string) => void): string[] {
  const { breaks, find, replacement, tests } = mutation;
  const file = join(folder, mutation.file);
  const source = readFileSync(file, 'utf8');
  const places = source.split(find).length - 1;
  if (places !== 1) return [`${breaks}: its text stands ${places} times in ${mutation.file}, expected once`];
  writeFileSync(
    file,
    source.replace(find, () => replacement),
  );
  try {
    const failure = failureOf(folder, tests);
    tell(failure === undefined ? `UNNOTICED: ${breaks}` : `noticed: ${breaks}; by ${testThatFailed(failure)}`);
    return failure !== undefined ? [] : [`${breaks} (${mutation.file}): not noticed by ${tests.join(', ')}`];
  } finally {
    writeFileSync(file, source);
  }
}

/** Its name and its error, of what vitest said: a test that ran out of time would notice anything. */
function testThatFailed(said: string): string {
  const lines = stripVTControlCharacters(said).split('\n');
  const at = lines.findIndex((line) => line.includes('FAIL '));
  return at < 0 ? 'what said nothing' : `${lines[at]!.trim()}: ${lines[at + 1]?.trim()}`;
}

/** The last that was said, when a test fails. */
function failureOf(folder: string, tests: readonly string[]): string | undefined {
  const flags = ['run', '--bail', '1', '--reporter', 'dot', ...tests];
  const said = spawnSync(process.execPath, [vitest, ...flags], { cwd: folder, encoding: 'utf8', timeout: mostMs });
  return said.status === 0 ? undefined : `${said.stdout}${said.stderr}`.slice(-20_000);
}
