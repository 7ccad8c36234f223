/**
 * Messages name model files as lists do: by their place below the folder where models are looked for. Where that folder
 * lies on the disk is for those to know who may move it; warnings and errors reach everybody.
 */

import path from 'node:path';

/** What takes the places of `roots` out of a text; a root alone becomes the last part of its path. */
export function namingFilesIn(roots: readonly string[]): (text: string) => string {
  const patterns = roots
    .map((root) => root.replace(/[\\/]+$/, ''))
    .filter((root) => path.isAbsolute(root) && path.basename(root) !== '')
    .sort((a, b) => b.length - a.length)
    // In quotes as JSON writes them, too.
    .flatMap((root) => [...new Set([root, JSON.stringify(root).slice(1, -1)])])
    .map((root) => ({ name: path.basename(root), pattern: patternOf(root) }));
  return (text) =>
    patterns.reduce(
      (left, { name, pattern }) => left.replace(pattern, (_, below?: string) => (below ? '' : name)),
      text,
    );
}

/** The folder with what separates it from a file below, or alone; not as a part of another folder's path. */
function patternOf(folder: string): RegExp {
  const escaped = folder.replace(/[.*+?^${}()|[\]\\/-]/g, (sign) => (sign === '-' ? '\\x2d' : `\\${sign}`));
  return new RegExp(`(?<![\\p{L}\\p{N}_.-])${escaped}(?:([\\\\/]+)|(?!\\.?[\\p{L}\\p{N}_-]))`, 'gu');
}
