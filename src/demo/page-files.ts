/**
 * Models of a page: files of the visitor's disk, which are read in ranges and never whole; what lies beside the page,
 * which the browser downloads once; and what was trained here.
 */

import { UserError } from '#core/errors';
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

/** Downloads a file and tells how far it is. @throws UserError `demo.download` */
export async function download(
  address: string,
  told: (bytes: number, totalBytes: number | undefined) => void,
): Promise<Blob> {
  const answer = await fetch(address).catch((cause: unknown) => {
    throw new UserError('demo.download', `${address} cannot be reached. Is the network there?`, { cause });
  });
  if (!answer.ok || !answer.body) {
    const advice = 'put the model beside the page, or open one from your disk';
    throw new UserError('demo.download', `${address} answers ${answer.status} ${answer.statusText}; ${advice}.`);
  }
  const length = Number(answer.headers.get('content-length'));
  // What was packed on its way is longer than the header says.
  const total = length > 0 && !answer.headers.has('content-encoding') ? length : undefined;
  let bytes = 0;
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, out) {
      bytes += chunk.length;
      told(bytes, total);
      out.enqueue(chunk);
    },
  });
  return await new Response(answer.body.pipeThrough(counted)).blob();
}
