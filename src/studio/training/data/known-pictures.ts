/** Which pictures, masks and captions a training has learnt from, so that it says when it goes on with others. */

import { createHash } from 'node:crypto';
import type { RunFiles } from '#training/run-directory';
import { shown } from '../picture-folder.ts';
import type { DatasetItem } from './dataset.ts';

const knownFile = 'cache/pictures.json';

/** Tells what has come, gone or changed since the run's last start, where it has a state that goes on. */
export async function tellChangedPictures(
  files: Pick<RunFiles, 'readText' | 'writeText' | 'list'>,
  items: readonly DatasetItem[],
  warn: (message: string) => void,
): Promise<void> {
  const now = new Map(items.map((item) => [item.name, identityOf(item)]));
  const text = await files.readText(knownFile);
  if (text !== undefined && (await files.list('checkpoints')).length > 0) {
    const before = new Map(Object.entries(JSON.parse(text) as Record<string, string>));
    const changes = [
      ['new', [...now.keys()].filter((name) => !before.has(name))],
      ['gone', [...before.keys()].filter((name) => !now.has(name))],
      ['changed', [...now.keys()].filter((name) => before.has(name) && before.get(name) !== now.get(name))],
    ] as const;
    const told = changes.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${shown(names)}`);
    if (told.length > 0) warn(`The training goes on with other pictures or captions; ${told.join('; ')}.`);
  }
  await files.writeText(knownFile, JSON.stringify(Object.fromEntries(now)));
}

function identityOf({ stamp, caption, repeats }: DatasetItem): string {
  return createHash('sha256')
    .update(JSON.stringify([stamp, caption, repeats]))
    .digest('hex')
    .slice(0, 16);
}
