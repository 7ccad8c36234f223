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

/** A compact table widened to [vocabSize, width]: unseen ids get the mean of the seen rows. */
export function widenTable(rows: Float32Array, vocabulary: Int32Array, vocabSize: number, width: number): Float32Array {
  const average = new Float32Array(width);
  for (let r = 0; r < vocabulary.length; r++) {
    for (let i = 0; i < width; i++) average[i]! += rows[r * width + i]! / vocabulary.length;
  }
  const full = new Float32Array(vocabSize * width);
  for (let id = 0; id < vocabSize; id++) full.set(average, id * width);
  for (const [row, id] of vocabulary.entries()) full.set(rows.subarray(row * width, (row + 1) * width), id * width);
  return full;
}
