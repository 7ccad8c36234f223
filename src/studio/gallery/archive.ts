/** Picture files as one zip, stored as they are (they are compressed already), read as fast as it is taken. */

import { createReadStream } from 'node:fs';
import { Zip, ZipPassThrough } from 'fflate';

export interface Archived {
  /** Path inside the archive, with slashes. */
  readonly name: string;
  readonly file: string;
}

export async function* archived(files: readonly Archived[]): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = [];
  let failed: Error | undefined;
  const zip = new Zip((error, bytes) => {
    if (error) failed = error;
    else ready.push(bytes);
  });
  for (const { name, file } of files) {
    const entry = new ZipPassThrough(name);
    zip.add(entry);
    for await (const bytes of createReadStream(file) as AsyncIterable<Buffer>) {
      entry.push(bytes);
      yield* ready.splice(0);
    }
    entry.push(new Uint8Array(0), true);
    if (failed) throw failed;
  }
  zip.end();
  yield* ready.splice(0);
}
