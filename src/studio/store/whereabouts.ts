/** Whether the folders of a running studio are still the ones that it opened: people unmount and remove them. */

import { statSync } from 'node:fs';

export class Whereabouts {
  readonly #paths: ReadonlyMap<string, string | undefined>;

  /** @param paths files and folders that are there now */
  constructor(paths: readonly string[]) {
    this.#paths = new Map(paths.map((path) => [path, identityOf(path)]));
  }

  /** Why nothing can be kept now; undefined while all is where it was. */
  problem(): string | undefined {
    for (const [path, identity] of this.#paths) {
      if (identityOf(path) === identity) continue;
      return `${path} was removed or replaced while Darkroom ran; put it back, or start Darkroom again.`;
    }
    return undefined;
  }
}

/** Undefined for what is not there, or cannot be looked at (a network drive that has gone, a disk that fails). */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
