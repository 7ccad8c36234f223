/**
 * What the documents name is there: paths in backticks, the tests that rows quote after a path; and README says what newcomers ask, with the numbers of the catalogue.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { objectKinds, places as taughtPlaces } from '../recipes/mini/scenes/catalog.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
const files = list.split('\n').filter(Boolean);
const folders = files.flatMap((file) => [...file.matchAll(/\//g)].map(({ index }) => file.slice(0, index)));
const places = [...new Set([...files, ...folders])];

/** Not in the tree: made when the package is built, or by those who follow an example. */
const madeLater = /^(lib\/vendor|dist\/.+|runs\/.+|outputs\/.*)$/;

/** `a/{b,c}.ts` as both of its paths. */
function alternatives(path: string): string[] {
  const parts = /^(.*?)\{([^{}]*)\}(.*)$/.exec(path);
  return parts ? parts[2]!.split(',').flatMap((part) => alternatives(parts[1]! + part + parts[3]!)) : [path];
}

/** Places that a path means: whole or its end (`settings.test.ts`), with `*` in a name and `**` over folders. */
function placesOf(path: string): string[] {
  const escaped = path.replace(/\/$/, '').replace(/[.+]/g, '\\$&');
  const pattern = escaped.replace(/\*\*\/|\*/g, (star) => (star === '*' ? '[^/]*' : '(?:.*/)?'));
  const whole = new RegExp(`(^|/)${pattern}$`);
  return places.filter((place) => whole.test(place));
}

const plainQuotes = (text: string): string => text.replaceAll("\\'", "'").replaceAll('’', "'");

/** Whether the source has a test of this name, or a row of `it.each` that gives it: `refuses %s` and the row's words. */
function hasTest(source: string, name: string): boolean {
  const words = name.split(' ');
  const isRow = (count: number): boolean =>
    source.includes(`${words.slice(0, count).join(' ')} %`) && source.includes(words.slice(count).join(' '));
  return source.includes(name) || words.some((_, i) => i > 0 && isRow(i));
}

const looksLikePath = (text: string): boolean =>
  /^[\w@{][\w@.{},*/-]*$/.test(text) && (/\.(ts|tsx|mjs|json|md)$/.test(text) || /^[\w@.-]+\//.test(text));

describe.each(['README.md', 'docs/ARCHITECTURE.md', 'docs/FEATURES.md', 'docs/RELIABILITY.md', 'bench/README.md'])(
  '%s',
  (document) => {
    const text = readFileSync(`${root}/${document}`, 'utf8');

    it('names no path that is not there', () => {
      const paths = [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!).filter(looksLikePath);
      const missing = paths
        .flatMap(alternatives)
        .filter((path) => !madeLater.test(path) && placesOf(path).length === 0);
      expect(missing).toEqual([]);
    });

    it('quotes no test that is not there', () => {
      const missing: string[] = [];
      for (const [, path, quoted] of text.matchAll(/`([^`\n]+\.test\.ts)` ("[^"\n]+"(?:, "[^"\n]+")*)/g)) {
        const code = alternatives(path!)
          .flatMap(placesOf)
          .map((file) => readFileSync(`${root}/${file}`, 'utf8'));
        const source = plainQuotes(code.join('\n'));
        for (const [, name] of quoted!.matchAll(/"([^"]+)"/g)) {
          // `...` stands for the rest of a name, and a slash for other rows of one table.
          const parts = plainQuotes(name!)
            .split(/ ?\.\.\. ?| \/ /)
            .filter(Boolean);
          if (!parts.every((part) => hasTest(source, part))) missing.push(`${path}: ${name}`);
        }
      }
      expect(missing).toEqual([]);
    });
  },
);

describe('what documents tell newcomers', () => {
  it.each(['README.md', 'docs/GUIDE.md'])('counts what the embedded model knows: %s', (document) => {
    const text = readFileSync(`${root}/${document}`, 'utf8');
    const objects = [...text.matchAll(/(\d+) objects/g)].map(([, count]) => Number(count));
    expect(objects.length).toBeGreaterThan(0);
    expect(objects.every((count) => count === objectKinds.length)).toBe(true);
    for (const [, count] of text.matchAll(/(\d+) places/g)) expect(Number(count)).toBe(taughtPlaces.length);
  });

  it('says beside the figures what was held out', () => {
    const features = readFileSync(`${root}/docs/FEATURES.md`, 'utf8');
    const figures = features.slice(features.indexOf('on held-out prompts')).split('\n\n')[1];
    expect(figures).toMatch(/Held out are .* one object, .* in every scene .* beside a second object/);
    expect(readFileSync(`${root}/README.md`, 'utf8')).toMatch(/training kept out .* beside another object/);
  });

  it('answers in README what newcomers ask', () => {
    const readme = readFileSync(`${root}/README.md`, 'utf8');
    for (const answer of [
      /^## A real model$/m,
      /darkroom -- pull "/,
      /\*\*Memory\*\*.*GB/,
      /\*\*Disk\*\*.*MB/,
      /\*\*GPU\*\*.*--device webgpu/,
      /\*\*From a phone\*\*/,
      /^## Coming from A1111$/m,
      /^## Trouble$/m,
    ]) {
      expect(readme).toMatch(answer);
    }
  });

  it('leaves a checkout as it is when npm makes the command executable', () => {
    const staged = execFileSync('git', ['ls-files', '-s', 'bin/darkroom.mjs'], { cwd: root, encoding: 'utf8' });
    expect(staged).toMatch(/^100755 /);
  });
});
