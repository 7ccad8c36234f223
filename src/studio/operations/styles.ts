/** Handlers of styles and word lists. */

import type { styles } from '#api/operations/styles';
import type { HandlersOf } from './context.ts';

export const styleHandlers = {
  listStyles: async (_input, { studio }) => ({ styles: await studio.promptFiles.styles() }),
  saveStyle: async (style, { studio }) => await studio.promptFiles.saveStyle(style),
  removeStyle: async ({ name }, { studio }) => await studio.promptFiles.removeStyle(name),
  importStyles: async ({ sheet }, { studio }) => ({ styles: await studio.promptFiles.importStyles(sheet) }),
  measurePrompt: async ({ text }, { studio, signal }) => await studio.measurePrompt(text, signal),
  listWildcards: async (_input, { studio }) => ({
    wildcards: [...(await studio.promptFiles.wordLists()).keys()].sort(),
  }),
} satisfies HandlersOf<typeof styles>;
