/**
 * A compact vocabulary: while training, only the token ids that occur in captions have a row in the table, so optimiser
 * state stays small. The exported table is widened to CLIP's; rows that were never seen hold the mean row.
 */

/** Rows of the compact table for ids of the full vocabulary; an id that is not in it gets the first row. */
export function compactIds(ids: Int32Array, vocabulary: Int32Array): Int32Array {
  const rows = new Map([...vocabulary].map((id, row) => [id, row]));
  return ids.map((id) => rows.get(id) ?? 0);
}

/** Rows [vocabulary.length, width] of a full table. */
export function compactTable(table: Float32Array, vocabulary: Int32Array, width: number): Float32Array {
  const rows = new Float32Array(vocabulary.length * width);
  for (const [row, id] of vocabulary.entries()) rows.set(table.subarray(id * width, (id + 1) * width), row * width);
  return rows;
}

/**
 * A compact table widened to [vocabSize, width]. Ids that were not trained keep their rows of `base`, or get the mean of
 * the trained rows where there is none.
 */
export function widenTable(
  rows: Float32Array,
  vocabulary: Int32Array,
  { vocabSize, width }: { readonly vocabSize: number; readonly width: number },
  base?: Float32Array,
): Float32Array {
  const full = base?.slice() ?? repeated(meanRow(rows, width), vocabSize);
  for (const [row, id] of vocabulary.entries()) full.set(rows.subarray(row * width, (row + 1) * width), id * width);
  return full;
}

function meanRow(rows: Float32Array, width: number): Float32Array {
  const count = rows.length / width;
  const mean = new Float32Array(width);
  for (const [i, value] of rows.entries()) mean[i % width]! += value / count;
  return mean;
}

function repeated(row: Float32Array, count: number): Float32Array {
  const out = new Float32Array(count * row.length);
  for (let i = 0; i < count; i++) out.set(row, i * row.length);
  return out;
}
