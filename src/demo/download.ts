/** A file that lies beside the page. */

import { UserError } from '#core/errors';

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
