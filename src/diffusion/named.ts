/** Look-up by name or alias in a registry, with the nearest names in the error. */

import { UserError } from '#core/errors';

export interface Named {
  /** The label that users see and infotexts hold. */
  readonly name: string;
  readonly aliases: readonly string[];
}

/** Thrown for a name that no row carries; `nearest` holds up to three labels, best first. */
export class UnknownNameError extends UserError {
  readonly kind: string;
  readonly given: string;
  readonly nearest: readonly string[];

  constructor(kind: string, given: string, nearest: readonly string[], known: readonly string[]) {
    const shown = given.length > 60 ? `${given.slice(0, 60)}…` : given;
    super(
      `${kind}.unknown`,
      `There is no ${kind} ${JSON.stringify(shown)}. Did you mean ${quoteList(nearest)}? Known: ${known.join(', ')}.`,
    );
    this.kind = kind;
    this.given = given;
    this.nearest = nearest;
  }
}

/**
 * The row whose name or alias is `given`; case, spaces, hyphens and underscores do not count.
 * @throws UnknownNameError naming the nearest labels.
 */
export function findNamed<R extends Named>(kind: string, rows: readonly R[], given: string): R {
  const key = canonical(given);
  const found = rows.find((row) => [row.name, ...row.aliases].some((name) => canonical(name) === key));
  if (found) return found;
  const names = rows.map((row) => row.name);
  throw new UnknownNameError(kind, given, nearestNames(rows, key), names);
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, '');
}

function nearestNames(rows: readonly Named[], key: string): string[] {
  // Distance to a prefix of the key is enough; a pasted essay must not cost its square.
  const short = key.slice(0, 40);
  const scored = rows.map((row) => ({
    name: row.name,
    distance: Math.min(...[row.name, ...row.aliases].map((name) => editDistance(canonical(name), short))),
  }));
  scored.sort((a, b) => a.distance - b.distance);
  return scored.slice(0, 3).map(({ name }) => name);
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function quoteList(names: readonly string[]): string {
  const quoted = names.map((name) => JSON.stringify(name));
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}
