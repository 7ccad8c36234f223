/**
 * Names of picture files: `[user/]2026-11-23/<job>-<index>-<seed>.png`. The job and the index in the name let a file
 * be told from its name alone, when the studio died between writing it and noting it down.
 */

import { type ImageFormat, imageExtensions } from '../images/codec.ts';
import { idPattern } from '../store/id.ts';

/** The one who works here when there are no accounts; its pictures need no folder of their own. */
export const localUser = 'local';

/** Folder names inside outputs that hold no pictures of the gallery. */
export const temporaryFolder = '.tmp';
export const trashFolder = '.trash';

export interface PictureName {
  readonly user: string;
  readonly job: string;
  readonly index: number;
  readonly seed: number;
}

export function picturePath(name: PictureName, format: ImageFormat, now: Date): string {
  const folder = name.user === localUser ? '' : `${name.user}/`;
  const index = String(name.index).padStart(4, '0');
  return `${folder}${dateFolder(now)}/${name.job}-${index}-${name.seed}.${imageExtensions[format]}`;
}

/** Local date, so that a day's pictures lie together as their maker sees the day. */
export function dateFolder(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

const datePattern = /^\d{4}-\d{2}-\d{2}$/;
const namePattern = new RegExp(`^(${idPattern})-(\\d{4,})-(\\d+)\\.(png|jpg|webp)$`);

/** What a path says about its picture; fields that cannot be told are absent. */
export function readPicturePath(path: string): Partial<PictureName> & { readonly user: string } {
  const names = path.split('/');
  const user = names.length > 1 && !datePattern.test(names[0]!) ? names[0]! : localUser;
  const match = namePattern.exec(names.at(-1)!);
  if (!match) return { user };
  return { user, job: match[1]!, index: Number(match[2]), seed: Number(match[3]) };
}
