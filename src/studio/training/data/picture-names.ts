/** Which files of a folder are pictures, by their names; nothing of the codec is loaded to say so. */

import path from 'node:path';

/** What libvips reads in the build that sharp brings (`sharp.format`). */
export const pictureExtensions: ReadonlySet<string> = new Set(
  '.jpg .jpeg .jpe .jfif .png .webp .tif .tiff .gif .svg .svgz .svg.gz .avif .v .vips'.split(' '),
);

export const extensionOf = (file: string): string => path.extname(file).toLowerCase();

/** Whether a file's name is one of a picture. */
export const isPicture = (file: string): boolean => pictureExtensions.has(extensionOf(file));

export const maskEnding = /\.mask\.png$/i;

/** Of the picture of the same name. */
export const isMask = (name: string): boolean => maskEnding.test(name);

/** kohya's way to say how often a folder's pictures are seen, and what they show: `10_token class`. */
export const repeatedFolder = /^(\d+)_(.+)$/;

export function withoutExtension(file: string): string {
  return file.slice(0, file.length - path.extname(file).length);
}
