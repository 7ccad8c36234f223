/**
 * Styles and word lists as files: those of the data folder, and those of web UIs that the model folders belong to
 * (`styles.csv`, `wildcards/`, `extensions/NAME/wildcards/`). Looked at when they are asked for; the data folder's come
 * first, and only they are written.
 */

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '#core/errors';
import { parseWordList } from '#prompt/wildcards';
import { isMissing } from '../files/disk-error.ts';
import { readPlainText, readPlainTextAtOnce } from '../files/plain-file.ts';
import { walk } from '../files/walk.ts';
import { writeWholeFile } from '../files/whole-file.ts';
import { parseStyles, type Style, writeStyles } from './style-sheet.ts';

const stylesName = 'styles.csv';
const largestFile = 4 * 2 ** 20;
/** Sheets that are read in a few milliseconds, in bytes or characters. */
const smallSheet = 64 * 1024;
const mostLists = 20_000;

/** Where styles and word lists are looked for. */
export interface PromptPlaces {
  /** The data folder. */
  readonly own: string;
  readonly modelRoots: readonly string[];
}

/** A style sheet: its file, or itself. */
export type SheetOrder = { readonly file: string } | { readonly text: string };

/** @throws UserError `style.too-many` */
export async function readStyleSheet(order: SheetOrder): Promise<Style[]> {
  return parseStyles('file' in order ? await readPlainText(order.file, largestFile) : order.text);
}

export class PromptFiles {
  readonly places: PromptPlaces;
  readonly #own: string;
  readonly #readSheet: typeof readStyleSheet;
  /** Sheets as they were when they were last looked at, one a folder. */
  readonly #known = new Map<string, { readonly stamp: string; readonly styles: readonly Style[] }>();
  #problems: readonly string[] = [];

  /** @param readSheet reads large sheets in another process, as a server must; default: here */
  constructor({ own, modelRoots }: PromptPlaces, readSheet = readStyleSheet) {
    this.places = { own, modelRoots };
    this.#own = own;
    this.#readSheet = readSheet;
  }

  get #folders(): readonly string[] {
    const { own, modelRoots } = this.places;
    const around = modelRoots.flatMap((root) =>
      basename(root).toLowerCase() === 'models' ? [root, dirname(root)] : [root],
    );
    return [...new Set([own, ...around])];
  }

  /** By name; of the same name the data folder's counts. */
  async styles(): Promise<Style[]> {
    const found = new Map<string, Style>();
    const problems: string[] = [];
    for (const folder of this.#folders) {
      try {
        for (const style of await this.#stylesIn(folder)) if (!found.has(style.name)) found.set(style.name, style);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        problems.push(`${join(folder, stylesName)}: ${error.message}`);
      }
    }
    this.#problems = problems;
    return [...found.values()];
  }

  /** Sheets that could not be read when the styles were last asked for, and why: one sentence each. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Writes a style into the data folder's file; one of its name there is replaced. @throws UserError `style.*` */
  async saveStyle(style: Style): Promise<Style> {
    const name = style.name.trim();
    if (name === '' || name.startsWith('#')) {
      throw new UserError('style.invalid', 'A style needs a name, and one that does not begin with #.');
    }
    const saved = { ...style, name };
    await this.#change((own) => {
      const at = own.findIndex((each) => each.name === name);
      return at < 0 ? [...own, saved] : own.with(at, saved);
    });
    return saved;
  }

  /** Writes the styles of a sheet, as `saveStyle` does one. @throws UserError `style.invalid` when it holds none */
  async importStyles(sheet: string): Promise<Style[]> {
    const read = sheet.length > smallSheet ? await this.#readSheet({ text: sheet }) : parseStyles(sheet);
    if (read.length === 0) {
      throw new UserError('style.invalid', 'The sheet holds no styles; expected lines of name,prompt,negative_prompt.');
    }
    const names = new Set(read.map(({ name }) => name));
    await this.#change((own) => [...own.filter(({ name }) => !names.has(name)), ...read]);
    return read;
  }

  /** @throws UserError `style.unknown` for one that is not in the data folder's file */
  async removeStyle(name: string): Promise<void> {
    await this.#change((own) => {
      const rest = own.filter((each) => each.name !== name);
      if (rest.length < own.length) return rest;
      throw new UserError('style.unknown', `There is no style ${name} in ${join(this.#own, stylesName)}.`);
    });
  }

  /** Word lists: their files by name, folders with slashes. A list may be called without its folders too. */
  async wordLists(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const folder of this.#folders) {
      for (const lists of await wildcardFolders(folder)) await collectLists(lists, found);
    }
    return found;
  }

  /**
   * Writes what `change` makes of the data folder's styles, one change after the other: of two at once, also of two
   * processes, the second must not write over what the first has kept.
   * @throws UserError `style.sheet-too-large` before anything is written
   */
  async #change(change: (own: readonly Style[]) => readonly Style[]): Promise<void> {
    // What draws prompts reads sheets, and needs no database for it.
    const { inTurn } = await import('../store/lock.ts');
    await inTurn(join(this.#own, '.styles-lock'), async () => {
      const bytes = Buffer.from(writeStyles(change(await this.#stylesIn(this.#own))));
      if (bytes.length > largestFile) throw tooLarge(bytes.length);
      await writeWholeFile(join(this.#own, stylesName), bytes, join(this.#own, '.tmp'));
    });
  }

  /** Of a folder's sheet; none where there is no sheet. @throws UserError `style.*` for one that is not read */
  async #stylesIn(folder: string): Promise<readonly Style[]> {
    const file = join(folder, stylesName);
    try {
      const { ino, size, mtimeMs } = await stat(file);
      if (size > largestFile) throw tooLarge(size);
      const stamp = `${ino} ${size} ${mtimeMs}`;
      const known = this.#known.get(file);
      if (known?.stamp === stamp) return known.styles;
      const styles = await (size > smallSheet ? this.#readSheet : readStyleSheet)({ file });
      this.#known.set(file, { stamp, styles });
      return styles;
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }
}

/** Lines of a list's file; too large a file, or one that has gone, has none. */
export function readWordList(file: string): readonly string[] {
  try {
    return parseWordList(readPlainTextAtOnce(file, largestFile).replace(/^\ufeff/, ''));
  } catch {
    return [];
  }
}

function tooLarge(bytes: number): UserError {
  return new UserError('style.sheet-too-large', `A style sheet may have ${largestFile} bytes, this one has ${bytes}.`);
}

/** A folder's own, and those of the extensions beside it. */
async function wildcardFolders(folder: string): Promise<string[]> {
  const extensions = await readdir(join(folder, 'extensions')).catch(() => []);
  return [join(folder, 'wildcards'), ...extensions.map((name) => join(folder, 'extensions', name, 'wildcards'))];
}

async function collectLists(folder: string, found: Map<string, string>): Promise<void> {
  for (const file of (await textsBelow(folder)).sort()) {
    if (found.size >= mostLists) return;
    const name = file.slice(0, -'.txt'.length).replaceAll('\\', '/');
    for (const called of [name, basename(name)]) if (!found.has(called)) found.set(called, join(folder, file));
  }
}

/** As many as are of use, and none of a folder that cannot be looked at. */
async function textsBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const { file } of walk(folder)) {
      if (file.endsWith('.txt')) files.push(file);
      if (files.length >= mostLists) break;
    }
  } catch {
    // Gone meanwhile, or not for us.
  }
  return files;
}
