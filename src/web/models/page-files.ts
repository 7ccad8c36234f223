/** Model files of a page: what the visitor's disk holds, or what was downloaded or made, read in ranges and never whole. */

import { type ByteSource, checkRange } from '#formats/byte-source';
import { ModelFileError } from '#models/model-error';
import type { ModelFiles } from '#models/tensor-file';

export class PageFiles implements ModelFiles {
  readonly #sources = new Map<string, ByteSource>();

  add(path: string, blob: Blob): void {
    this.#sources.set(path, blobSource(path, blob));
  }

  async exists(path: string): Promise<boolean> {
    return this.#sources.has(path);
  }

  async readText(path: string): Promise<string> {
    const { size, read } = await this.source(path);
    return new TextDecoder().decode(await read(0, size));
  }

  async source(path: string): Promise<ByteSource> {
    const found = this.#sources.get(path);
    if (!found) throw new ModelFileError('not-found', 'there is no such file', path);
    return found;
  }

  /** Up to `length` bytes, fewer at the end of the file. */
  async readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
    const { size, read } = await this.source(path);
    return await read(offset, Math.max(0, Math.min(length, size - offset)));
  }
}

function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      checkRange(name, blob.size, offset, length);
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (cause) {
        // Moved, changed or removed since it was chosen.
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new ModelFileError('unreadable', `the file cannot be read any more: ${reason}`, name);
      }
    },
  };
}
