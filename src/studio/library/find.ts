/** Finds a model by what people call it, as A1111 does, and names the nearest when there is none. */

import { basename } from 'node:path';
import type { LibraryModel } from './model.ts';
import { modelStem } from './scan.ts';

/** Exact by id, path, name, title, file name or hash; otherwise a part of the title, the shortest title first. */
export function findModel(models: readonly LibraryModel[], wanted: string): LibraryModel | undefined {
  // As typed on Windows.
  const text = wanted.trim().replaceAll('\\', '/');
  if (text === '') return undefined;
  const exact = models.find((model) => aliases(model).includes(text));
  if (exact) return exact;
  const lower = text.toLowerCase();
  const without = lower.replace(/ ?\[[0-9a-f]{4,64}\]$/, '');
  const folded = models.find((model) => aliases(model).some((alias) => [lower, without].includes(alias.toLowerCase())));
  if (folded) return folded;
  return models
    .filter((model) => model.title.toLowerCase().includes(without))
    .sort((a, b) => a.title.length - b.title.length)[0];
}

function aliases(model: LibraryModel): string[] {
  const hashes = [model.sha256, model.shortHash, model.autoV3, model.legacyHash];
  const { id, path, name, title } = model;
  // A1111's `model_name` has no folders.
  const names = [id, path, name, title, basename(path), modelStem(path), name.replaceAll('/', '_')];
  return [...names, ...hashes.filter((hash) => hash !== undefined)];
}

/** Names most like `wanted`, for a message. */
export function nearestNames(models: readonly LibraryModel[], wanted: string, count = 3): string[] {
  const text = wanted.toLowerCase().slice(0, 100);
  return models
    .map((model) => ({ name: model.name, distance: editDistance(text, model.name.toLowerCase().slice(0, 100)) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}

/** Levenshtein distance, two rows at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replace, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous.at(-1)!;
}
