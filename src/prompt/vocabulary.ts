/** Words of a prompt that a model was never shown, for models trained on few words. */

/** Words that are grammar, not something to draw. */
const grammar: ReadonlySet<string> = new Set(['AND', 'BREAK']);
/** A word list stands for words that are not there yet. */
const wordList = /__[^\s,]+?__/g;

/**
 * In the order of the text, each once, as they are written.
 *
 * @param text a prompt without calls of networks
 * @param known every word that the model was shown, in lower case
 */
export function unknownWords(text: string, known: ReadonlySet<string>): string[] {
  const words = text.replaceAll(wordList, ' ').match(/\p{L}[\p{L}\p{M}]*/gu) ?? [];
  return [...new Set(words.filter((word) => !grammar.has(word) && !known.has(word.toLowerCase())))];
}
