import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { WeightRange } from '#engine/backend';
import { describeFile } from '../detect.ts';
import { resolveParameters, type StoredTensor } from '../resolve.ts';
import { below } from '../tensor-table.ts';
import { klF8 } from '../vae/config.ts';
import { type Sd1Config, sd15 } from './config.ts';
import { sd1, sd1SingleFile } from './family.ts';

type KeyList = readonly (readonly [string, readonly number[]])[];

function readJson<T>(name: string): T {
  const url = new URL(`../../../test/goldens/data/models/keys/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as T;
}

/** A table of tensors as a file of them would give, one after the other. */
function stored(keys: KeyList): Map<string, StoredTensor> {
  let offset = 0;
  return new Map(
    keys.map(([name, shape]) => {
      const byteLength = 2 * shape.reduce((a, b) => a * b, 1);
      const ref: WeightRange = { kind: 'file', path: 'model', offset, byteLength, dtype: 'f16', shape };
      offset += byteLength;
      return [name, { dtype: 'f16', shape, ref }];
    }),
  );
}

const byComponent = (lists: Record<string, KeyList>): KeyList =>
  Object.entries(lists).flatMap(([component, keys]) => keys.map(([n, s]) => [`${component}.${n}`, s] as const));

/** Resolves every component of a file; the names that are left over are neither used nor known to be ignorable. */
function resolveWhole(file: Map<string, StoredTensor>): { config: Sd1Config; weights: Set<string>; left: string[] } {
  const found = sd1.components.map((layout) => {
    const prefix = layout.prefixes.find((p) => layout.recognise(below(file, p)))!;
    return { component: layout.component, prefix, tensors: below(file, prefix) };
  });
  const config = sd1.configOfSingleFile(new Map(found.map((c) => [c.component, c.tensors])), {
    tensors: file,
    values: new Map(),
  });
  const parameters = sd1.parameters(config);
  const used = new Set<string>();
  const weights = new Set<string>();
  for (const { component, prefix, tensors } of found) {
    const own = parameters.filter((p) => p.name.startsWith(`${component}.`));
    const resolution = resolveParameters(component, own, sd1.keys(config, component, tensors), tensors, prefix);
    expect(resolution.problems).toEqual([]);
    for (const name of resolution.used) used.add(prefix + name);
    for (const name of resolution.weights.keys()) weights.add(name);
  }
  expect(weights.size).toBe(parameters.length);
  expect(used.size).toBe(parameters.length);
  return { config, weights, left: [...file.keys()].filter((n) => !used.has(n)) };
}

const ignorable = (name: string): boolean => sd1.ignored.some((p) => p.test(name));

describe.each(['sd15', 'sd15-inpaint'])('the names of %s', (model) => {
  const single = readJson<KeyList>(`${model}.single`);
  const folder = byComponent(readJson<Record<string, KeyList>>(`${model}.diffusers`));
  const optional = readJson<string[]>(`${model}.optional`);
  const expected: Sd1Config = model === 'sd15' ? sd15 : { ...sd15, unet: { ...sd15.unet, inChannels: 9 } };

  it('are those of the networks, with their shapes', () => {
    const declared = sd1.parameters(expected).map((p): [string, readonly number[]] => [p.name, p.shape]);
    expect(Object.fromEntries(declared)).toEqual(Object.fromEntries(folder));
  });

  it('in a single file map to every parameter, leaving only what is optional', () => {
    const { config, left } = resolveWhole(stored(single));
    expect(config).toEqual(expected);
    expect(left.filter((n) => !optional.includes(n))).toEqual([]);
    expect(left.filter((n) => !ignorable(n))).toEqual([]);
  });

  it('need nothing that is optional', () => {
    const pruned = stored(single.filter(([n]) => !optional.includes(n)));
    expect(resolveWhole(pruned).left).toEqual([]);
  });

  it('in a diffusers folder map to every parameter, leaving nothing', () => {
    const { config, left, weights } = resolveWhole(stored(folder));
    expect(config).toEqual(expected);
    expect(left).toEqual([]);
    expect([...weights].sort()).toEqual(folder.map(([n]) => n).sort());
  });

  it('are written to a single file as the original has them', () => {
    const written = sd1SingleFile(expected).map(({ name, shape }): [string, readonly number[]] => [name, shape]);
    const required = single.filter(([n]) => !optional.includes(n));
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(required));
    expect(written).toHaveLength(required.length);
  });

  it('say what the file is', () => {
    const variant = model === 'sd15' ? undefined : 'inpaint';
    for (const keys of [single, folder]) {
      expect(describeFile(stored(keys))).toMatchObject({ kind: 'checkpoint', family: 'sd1', variant });
    }
  });
});

describe('early text encoder names, without text_model', () => {
  it('are found', () => {
    const single = readJson<KeyList>('sd15.single').map(([n, s]) => [n.replace('.text_model.', '.'), s] as const);
    expect(resolveWhole(stored(single)).left.filter((n) => !ignorable(n))).toEqual([]);
  });
});

describe('the names of a VAE of its own', () => {
  const parameters = sd1.parameters(sd15).filter((p) => p.name.startsWith('vae.'));
  const diffusers = readJson<{ vae: KeyList }>('vae.diffusers').vae;
  const old = { to_q: 'query', to_k: 'key', to_v: 'value', 'to_out.0': 'proj_attn' } as const;
  const before012 = diffusers.map(([name, shape]) => {
    const to = Object.entries(old).find(([now]) => name.includes(`.${now}.`));
    return [to ? name.replace(...to) : name, shape] as const;
  });
  const layouts: Record<string, KeyList> = {
    ldm: readJson<KeyList>('vae.single'),
    diffusers,
    'diffusers before 0.12': before012,
  };

  it.each(Object.keys(layouts))('%s map to every parameter, leaving nothing', (layout) => {
    const file = stored(layouts[layout]!);
    const config = sd1.withVae(sd15, file, undefined);
    expect(config.vae).toEqual(klF8);
    const { problems, used } = resolveParameters('vae', parameters, sd1.keys(config, 'vae', file), file, '');
    expect(problems).toEqual([]);
    expect(used.size).toBe(file.size);
    expect(describeFile(file)).toMatchObject({ kind: 'vae', title: 'a VAE' });
  });
});
