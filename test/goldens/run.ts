/**
 * `npm run goldens -- DIR [--only PATTERN]`: runs every fixture of a folder laid out like `test/goldens/data`, prints a
 * line for each failure and each skip, and ends with `N passed, N failed, N skipped`.
 */

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { type Outcome, type Suite, suites } from './suites.ts';

const { folder, only } = parse(process.argv.slice(2));
const counts = { passed: 0, failed: 0, skipped: 0 };
const backend = createOrtNodeBackend({ device: 'cpu' });
for (const suite of suites) {
  const file = path.join(folder, ...suite.fixture.split('/'));
  if (existsSync(file) && only.test(suite.fixture)) await run(suite, file);
}
for (const unknown of unknownFixtures()) skip(unknown, 'no suite knows this fixture');
await backend.dispose();
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;

function parse(args: readonly string[]): { folder: string; only: RegExp } {
  const at = args.indexOf('--only');
  const pattern = at < 0 ? '' : (args[at + 1] ?? '');
  const [given] = args.filter((arg, i) => !arg.startsWith('--') && (at < 0 || i !== at + 1));
  const found = path.resolve(given ?? fileURLToPath(new URL('data', import.meta.url)));
  if (!existsSync(found)) {
    console.error(`${found} is not there; give a folder laid out like test/goldens/data`);
    process.exit(2);
  }
  return { folder: found, only: new RegExp(pattern) };
}

async function run(suite: Suite, file: string): Promise<void> {
  try {
    for await (const outcome of suite.run(file, backend)) count(suite.fixture, outcome);
  } catch (error) {
    fail(suite.fixture, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function count(fixture: string, outcome: Outcome): void {
  if ('skipped' in outcome) skip(`${fixture} ${outcome.name}`, outcome.skipped);
  else if (outcome.error <= outcome.tolerance) counts.passed++;
  else fail(fixture, `${outcome.name}: largest error ${outcome.error}, allowed ${outcome.tolerance}`);
}

function fail(fixture: string, message: string): void {
  counts.failed++;
  console.log(`FAILED ${fixture} ${message}`);
}

function skip(name: string, reason: string): void {
  counts.skipped++;
  console.log(`skipped ${name}: ${reason}`);
}

/** Files that look like fixtures of a kind that no suite names. */
function unknownFixtures(): string[] {
  const below = (sub: string, wanted: (name: string) => boolean): string[] => {
    const at = path.join(folder, sub);
    return existsSync(at)
      ? readdirSync(at)
          .filter(wanted)
          .map((name) => `${sub}/${name}`)
      : [];
  };
  const found = [
    ...below('numeric', (name) => name.endsWith('.json')),
    ...below('models/keys', (name) => name.endsWith('.single.json')),
    ...below('training-methods', (name) => name === 'cases.json'),
    ...below('models', (name) => existsSync(path.join(folder, 'models', name, 'cases.json'))).map(
      (f) => `${f}/cases.json`,
    ),
  ];
  const known = new Set(suites.map((s) => s.fixture));
  return found.filter((f) => !known.has(f) && only.test(f));
}
