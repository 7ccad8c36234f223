/** What a file says about its tensors, before any data is read: names, shapes and element types. */

export interface TensorFacts {
  readonly dtype: string;
  readonly shape: readonly number[];
}

export type TensorTable = ReadonlyMap<string, TensorFacts>;

/** The tensors below a prefix, with the prefix taken off. */
export function below<T extends TensorFacts>(table: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  if (prefix === '') return new Map(table);
  const found = new Map<string, T>();
  for (const [name, facts] of table) if (name.startsWith(prefix)) found.set(name.slice(prefix.length), facts);
  return found;
}

/** Whether any tensor's name starts so. */
export function hasBelow(table: TensorTable, prefix: string): boolean {
  for (const name of table.keys()) if (name.startsWith(prefix)) return true;
  return false;
}

/** One more than the largest N for which there is a tensor below `stem`N; gaps count, so that they can be named. */
export function countIndexed(table: TensorTable, stem: string): number {
  let count = 0;
  for (const name of table.keys()) {
    if (!name.startsWith(stem)) continue;
    const index = /^\d+(?=\.)/.exec(name.slice(stem.length));
    if (index) count = Math.max(count, Number(index[0]) + 1);
  }
  return count;
}

/** The first axis on which most of the named tensors agree, so that one damaged tensor does not decide. */
export function commonRows(table: TensorTable, names: readonly string[]): number | undefined {
  const votes = new Map<number, number>();
  for (const name of names) {
    const rows = table.get(name)?.shape[0];
    if (rows !== undefined) votes.set(rows, (votes.get(rows) ?? 0) + 1);
  }
  return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0];
}
