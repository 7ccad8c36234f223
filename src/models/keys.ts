/**
 * Key maps: under which name, and as which part of it, a file stores a canonical parameter.
 *
 * A map answers for one component and one file layout, with the component's prefix already taken off both names.
 * Several answers are alternatives seen in the wild, the usual one first.
 */

/** A stored tensor, or some of its rows. */
export interface StoredName {
  readonly name: string;
  /** One of equal parts of the first axis: [1, 3] is the second third of the rows. */
  readonly part?: readonly [index: number, of: number];
  /** The stored matrix is the transpose of the parameter. */
  readonly transpose?: boolean;
}

export type KeyMap = (parameter: string) => readonly StoredName[];

/** Stored under the canonical name itself. */
export const sameName: KeyMap = (parameter) => [{ name: parameter }];

/** A rewriting of names: the first pattern that matches decides. */
export type Rewrite = readonly [pattern: RegExp, replacement: string | ((...groups: string[]) => string)];

/** Applies the first matching rewrite; a name that none matches stays. */
export function rewrite(name: string, rules: readonly Rewrite[]): string {
  for (const [pattern, replacement] of rules) {
    const match = pattern.exec(name);
    if (!match) continue;
    if (typeof replacement === 'string') return name.replace(pattern, replacement);
    const before = name.slice(0, match.index);
    return before + replacement(...match.slice(1)) + name.slice(match.index + match[0].length);
  }
  return name;
}
