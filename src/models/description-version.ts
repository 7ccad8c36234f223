/** Which state of `describe.ts` a description is of; apart from it, since whoever keeps them need not read models. */

/**
 * Counts up with every change of what is said of the same file: indexes of models hold descriptions of other versions
 * for old, and read those files again.
 */
export const descriptionVersion = 2;
