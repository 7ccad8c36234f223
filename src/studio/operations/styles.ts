/** Handlers of styles and word lists. */

import type { styles } from '#api/operations/styles';
import { defaultModel } from '../library/roots.ts';
import type { StudioFolder } from '../studio-folder.ts';
import type { HandlersOf } from './context.ts';

export const styleHandlers = {
  listStyles: async (_input, { studio }) => ({ styles: await studio.promptFiles.styles() }),
  saveStyle: async (style, { studio }) => await studio.promptFiles.saveStyle(style),
  removeStyle: async ({ name }, { studio }) => await studio.promptFiles.removeStyle(name),
  importStyles: async ({ sheet }, { studio }) => ({ styles: await studio.promptFiles.importStyles(sheet) }),
  measurePrompt: async ({ text, model }, context) =>
    await context.studio.measurePrompt(text, knownWords(context.studio, model), context),
  listWildcards: async (_input, { studio }) => ({
    wildcards: [...(await studio.promptFiles.wordLists()).keys()].sort(),
  }),
} satisfies HandlersOf<typeof styles>;

/** Every word that a model was shown, and the names of the user's own words; of a model that does not say it, nothing. */
function knownWords({ library, settings }: StudioFolder, model: string | undefined): string[] | undefined {
  const name = model || settings.get().defaultModel || defaultModel;
  const checkpoint = library.list().find((each) => each.name === name);
  const words = checkpoint?.card.vocabulary;
  if (!words) return undefined;
  const own = library.list().filter(({ kind }) => kind === 'embedding');
  return [...words, ...own.flatMap((each) => each.name.toLowerCase().match(/\p{L}+/gu) ?? [])];
}
