/**
 * The Hugging Face hub's cache on disk, shared with Python's huggingface_hub: `models--owner--name/` with `blobs/<etag>`,
 * `snapshots/<commit>/<path>` as links to them, and `refs/<revision>` holding a commit.
 */

import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isMissing } from '../files/disk-error.ts';
import { isSafeName, pathInside } from '../files/safe-path.ts';
import { newId } from '../store/id.ts';
import type { HubPlace } from './plan.ts';

export function blobPath(cache: string, place: HubPlace): string {
  return join(repoFolder(cache, place), 'blobs', place.etag);
}

/** Beside the blobs, as huggingface_hub keeps its own locks, so that nothing of ours lies among them. */
export function lockPath(cache: string, place: HubPlace): string {
  return join(cache, '.locks', repoName(place), `${place.etag}.darkroom`);
}

/** Enters a finished blob as a file of its snapshot; returns the snapshot's path of it. */
export async function enterSnapshot(cache: string, place: HubPlace): Promise<string> {
  const repo = repoFolder(cache, place);
  const file = pathInside(join(repo, 'snapshots', place.commit), place.path);
  await mkdir(dirname(file), { recursive: true });
  if (!(await exists(file))) {
    const blob = blobPath(cache, place);
    await rm(file, { force: true });
    try {
      await symlink(relative(dirname(file), blob), file);
    } catch {
      // Windows without the right to make links: huggingface_hub copies as well.
      await placeFile(blob, file);
    }
  }
  if (place.revision !== place.commit && place.revision.split('/').every(isSafeName)) {
    const ref = pathInside(join(repo, 'refs'), place.revision);
    await mkdir(dirname(ref), { recursive: true });
    await writeFile(ref, place.commit);
  }
  return file;
}

/** A second name for a file where the file system allows, otherwise a copy; whole or not there. */
export async function placeFile(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const temporary = `${to}.${newId()}.part`;
  try {
    try {
      await link(from, temporary);
    } catch {
      await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    }
    await rename(temporary, to);
  } finally {
    await rm(temporary, { force: true });
  }
}

function repoFolder(cache: string, place: HubPlace): string {
  return join(cache, repoName(place));
}

function repoName({ repo }: HubPlace): string {
  return `models--${repo.replaceAll('/', '--')}`;
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    await stat(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
