/** What a check finds. */

import type { StudioFolders } from '../studio-folder.ts';

export interface Finding {
  readonly check: string;
  /** `note`: works, but less well than it could; `problem`: something will fail. */
  readonly level: 'ok' | 'note' | 'problem';
  readonly text: string;
  /** What to do; always given with a problem. */
  readonly remedy?: string;
}

/** What is to be checked. */
export interface Patient {
  readonly folders: StudioFolders;
  readonly modelRoots: readonly string[];
  readonly embeddedModel: string;
  readonly pageFolder: string;
  readonly devices: readonly string[];
  readonly host: string;
  readonly port: number;
}

export const ok = (check: string, text: string): Finding => ({ check, level: 'ok', text });
export const note = (check: string, text: string, remedy: string): Finding => ({ check, level: 'note', text, remedy });
export const problem = (check: string, text: string, remedy: string): Finding => ({
  check,
  level: 'problem',
  text,
  remedy,
});
