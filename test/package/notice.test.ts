/** unit: NOTICE names what is shipped with its licence, and the lock file holds every package to its contents. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(repository, file), 'utf8');
const readJson = <T>(file: string): T => JSON.parse(read(file)) as T;

interface LockedPackage {
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}
interface Manifest {
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const locked = Object.entries(readJson<{ packages: Record<string, LockedPackage> }>('package-lock.json').packages)
  .filter(([place]) => place !== '')
  .map(([place, entry]) => ({ ...entry, place, name: place.slice(place.lastIndexOf('node_modules/') + 13) }));

const notice = read('NOTICE').replace(/\s+/g, ' ');
const names = (text: string, name: string): boolean =>
  new RegExp(`(?<![\\w@/-])${name.replace(/[/.]/g, '\\$&')}(?![\\w/-])`).test(text);

/** What NOTICE lists as installed, by licence. */
const installed = new Map(
  [...read('NOTICE').matchAll(/^- ([^\n:]+):\n((?: {2}[^\n]+\n)+)/gm)].map(([, licence, list]) => [
    licence!,
    list!.split(/[\s,]+/).filter((name) => name !== ''),
  ]),
);

describe('NOTICE', () => {
  it('names every package that users get, under its licence', () => {
    const shipped = locked.filter(({ dev, devOptional }) => !dev && !devOptional);
    expect(shipped.length).toBeGreaterThan(40);
    for (const { name, license } of shipped) {
      expect(license, `${name} states no licence`).toBeTypeOf('string');
      expect(installed.get(license!) ?? [], `${name} is under ${license}`).toContain(name);
    }
  });

  it('names every direct dependency', () => {
    const { dependencies, optionalDependencies } = readJson<Manifest>('package.json');
    const all = [...installed.values()].flat();
    expect(all).toEqual(expect.arrayContaining(Object.keys({ ...dependencies, ...optionalDependencies })));
  });

  it('names what the page has compiled in, with what that depends on, and the runtime that is carried along', () => {
    const imported = readdirSync(join(repository, 'src/web'), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file) && !/\.test\.|uno\.config/.test(file))
      .flatMap((file) => [...read(join('src/web', file)).matchAll(/from '((?:@[\w-]+\/)?[\w-]+)[\w/-]*'/g)])
      .map(([, name]) => name!);
    const compiled = new Set([...imported, 'unocss', '@iconify-json/lucide']);
    expect(compiled).toContain('solid-js');
    // csstype is types alone.
    for (const name of [...compiled].filter((n) => n !== 'unocss' && n !== '@iconify-json/lucide')) {
      const { dependencies = {} } = readJson<Manifest>(`node_modules/${name}/package.json`);
      for (const below of Object.keys(dependencies)) if (below !== 'csstype') compiled.add(below);
    }
    const [, carried] = /Carried in the package:(.*)Installed beside it/.exec(notice)!;
    for (const name of [...compiled, 'onnxruntime-node']) expect(names(carried!, name), name).toBe(true);
    for (const name of compiled) {
      expect(['MIT', 'ISC'], name).toContain(readJson<Manifest>(`node_modules/${name}/package.json`).license);
    }
  });

  it('is part of the package', () => {
    expect(readJson<{ files: string[] }>('package.json').files).toContain('NOTICE');
  });
});

describe('the lock file', () => {
  it('has a hash for every package, and takes none from elsewhere than a registry', () => {
    for (const { place, integrity, resolved } of locked) {
      expect(integrity, place).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
      expect(resolved ?? 'https://', place).toMatch(/^https:\/\//);
    }
  });
});
