/** A studio on a disk without a byte left: a small file system of its own, where the system lets us make one. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownModule } from '#studio/files/own-module';
import { createStudio, type Studio } from '#studio/studio';

const engineModule = ownModule(import.meta.url, '../fixtures/fake-engine');
const disk = mkdtempSync(join(tmpdir(), 'darkroom-full-'));
// Mounting is for root, and not in every container.
const canMount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]).status === 0;
let studio: Studio | undefined;

beforeAll(() => {
  if (!canMount) console.log('No file system can be mounted here: the test of a full disk is left out.');
});
afterAll(async () => {
  await studio?.close();
  if (canMount) spawnSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

async function start(): Promise<Studio> {
  const [dataDir, outputsDir] = [join(disk, 'data'), join(disk, 'outputs')];
  studio = await createStudio({ dataDir, outputsDir, engineModule, modelRoots: [] });
  return studio;
}

function fill(): void {
  let n = 0;
  for (const size of [2 ** 20, 2 ** 12, 1]) {
    try {
      for (;;) writeFileSync(join(disk, `fill-${n++}`), Buffer.alloc(size));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    }
  }
}

it.runIf(canMount)('starts on a full disk, shows what there is and makes room', async () => {
  const first = await start();
  const [job] = await first.submit({ request: { prompt: 'a fox', steps: 1 } });
  expect((await first.wait(job!.id)).state).toBe('done');
  const [image] = first.gallery.search().images;
  await first.gallery.trash([image!.id]);
  await first.close();
  fill();
  const second = await start();
  expect(second.gallery.search({ trashed: true }).images.map(({ id }) => id)).toEqual([image!.id]);
  expect(await second.gallery.purge({ ids: [image!.id] })).toBe(1);
  expect(second.gallery.count({ trashed: true })).toBe(0);
});
