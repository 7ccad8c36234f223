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

/** How many of `stem`0, `stem`1, ... have the tensor `stem`N`tail`. */
export function countNumbered(table: TensorTable, stem: string, tail: string): number {
  let n = 0;
  while (table.has(`${stem}${n}${tail}`)) n++;
  return n;
}
