/**
 * What an infotext names, as the user's own files are called: by name where a file has it, else by hash, so that files
 * that were renamed or moved are found.
 */

import type { ModelKind } from '#api/records/model';
import type { InfotextReading } from '#pipelines/settings/infotext-reading';
import type { ParsedInfotext } from '#prompt/infotext';
import { renameNetwork } from '#prompt/network-hashes';
import { nextTurn } from '../events/next-turn.ts';
import { findModel } from './find.ts';
import type { Library } from './library.ts';
import type { LibraryModel } from './model.ts';
import { modelStem } from './scan.ts';

export type LocalFiles = Pick<Library, 'list' | 'byHash'>;

const promptKeys = ['Prompt', 'Negative prompt', 'Hires prompt', 'Hires negative prompt'] as const;

/** No picture is drawn with so many; each is looked for in all files and all prompts. */
const mostNetworks = 64;

/** What it says, with the names of files that are here. Others come in between, since prompts may be long. */
export async function withLocalNames(
  { parsed, networks }: InfotextReading,
  files: LocalFiles,
): Promise<ParsedInfotext> {
  const prompts: Record<string, unknown> = {};
  for (const { kind, name, hash } of networks.slice(0, mostNetworks)) {
    const own = files.list({ kind });
    if (own.some((model) => modelStem(model.path) === name || model.name === name)) continue;
    const found = ofHash(files, hash, [kind]);
    if (!found) continue;
    await nextTurn();
    for (const key of promptKeys) {
      const text = prompts[key] ?? parsed[key];
      if (text !== undefined) prompts[key] = renameNetwork(String(text), { kind, name }, modelStem(found.path));
    }
  }
  const vae = localName(files, parsed.VAE, parsed['VAE hash'], ['vae']);
  return { ...parsed, ...prompts, ...(vae === undefined ? {} : { VAE: vae }) };
}

/** The checkpoint that an infotext names, if it is here. */
export function localCheckpoint(parsed: ParsedInfotext, files: LocalFiles): string | undefined {
  return localName(files, parsed.Model, parsed['Model hash'], ['checkpoint', 'unet']);
}

/** A file of that hash; of none, or several, the one called so. */
function localName(files: LocalFiles, name: unknown, hash: unknown, kinds: readonly ModelKind[]): string | undefined {
  const found = typeof hash === 'string' ? ofHash(files, hash, kinds) : undefined;
  if (found) return found.name;
  if (typeof name !== 'string' || name === '') return undefined;
  const own = kinds.flatMap((kind) => files.list({ kind }));
  const exact = own.filter((model) => [model.name, modelStem(model.path)].includes(modelStem(name)));
  return findModel(exact, modelStem(name))?.name;
}

function ofHash(files: LocalFiles, hash: string, kinds: readonly ModelKind[]): LibraryModel | undefined {
  return files.byHash(hash).find(({ kind }) => kinds.includes(kind));
}
