/** The document of features names everything that the registries have: a new row is told, and one that went is not. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { operations } from '#api/operations/index';
import { commands } from '#cli/commands/index';
import { samplers } from '#diffusion/samplers/index';
import { schedulers } from '#diffusion/schedules';
import { fileDTypes } from '#formats/file-dtype';
import { blockPackings } from '#formats/packing';
import { adapterKinds } from '#models/adapters/kinds';
import { controlKinds } from '#models/control/open';
import { conversionLayouts, storageForms } from '#models/convert/plan';
import { families } from '#models/families';
import { fileKinds } from '#models/file-kinds';
import { upscalerArchitectures } from '#models/upscalers/index';
import { annotators } from '#pipelines/annotators/index';
import { latentModes } from '#pipelines/hires';
import { resizeModes } from '#pipelines/settings/picture';
import { EMPHASIS_MODES } from '#prompt/emphasis';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = readFileSync(`${root}/docs/FEATURES.md`, 'utf8');

interface Row {
  readonly names: readonly string[];
  readonly way: string;
  readonly tests: readonly string[];
}

/** Rows of the last section by their first cell. */
const rows = new Map<string, Row>(
  [...text.slice(text.indexOf('## Every name')).matchAll(/^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$/gm)].map(
    ([, kind, names, way, tests]) => [
      kind!,
      {
        names: names!.split(', '),
        way: way!,
        tests: [...tests!.matchAll(/`([^`]+\.ts)`/g)].map(([, path]) => path!),
      },
    ],
  ),
);

const tags = [...new Set(Object.values(operations).map(({ tag }) => tag))];

const registries: Readonly<Record<string, readonly string[]>> = {
  samplers: samplers.map(({ name }) => name),
  schedules: schedulers.map(({ name }) => name),
  'families of models': families.map(({ title }) => title),
  'kinds of adapters': adapterKinds.map(({ title }) => title),
  'control networks': controlKinds,
  'ways of enlarging latents': Object.keys(latentModes),
  'resize modes': resizeModes,
  'ways of weighing words': EMPHASIS_MODES,
  'modules of control': annotators.map(({ name }) => name),
  upscalers: upscalerArchitectures.map(({ title }) => title),
  'kinds of files': Object.values(fileKinds).filter((title) => title !== fileKinds.unknown),
  'numbers in safetensors files': fileDTypes,
  'packed weights': blockPackings,
  'what models are converted to': [...conversionLayouts, ...storageForms],
  ...Object.fromEntries(
    tags.map((tag) => [
      `operations: ${tag}`,
      Object.entries(operations).flatMap(([name, operation]) => (operation.tag === tag ? [name] : [])),
    ]),
  ),
  commands: commands.map(({ name }) => name),
};

describe('docs/FEATURES.md', () => {
  it.each(Object.entries(registries))('names all %s, the way to them and their tests', (kind, names) => {
    const row = rows.get(kind);
    expect(row?.names.toSorted()).toEqual(names.toSorted());
    expect(row?.way).not.toBe('');
    expect(row?.tests.length).toBeGreaterThan(0);
  });

  it('names commands whose tests run them', () => {
    const sources = rows.get('commands')!.tests.map((path) => readFileSync(`${root}/${path}`, 'utf8'));
    const untested = commands.filter(({ name }) => !sources.some((source) => source.includes(`'${name}'`)));
    expect(untested.map(({ name }) => name)).toEqual([]);
  });
});
