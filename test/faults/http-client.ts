/** Requests as plain as they come: nothing is retried, corrected or decoded on the way. */

import { type Agent, request } from 'node:http';

export interface Question {
  readonly method: string;
  /** As written on the wire. */
  readonly path: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** A value to send as JSON, or bytes or text as they are. */
  readonly body?: unknown;
  readonly agent?: Agent;
  readonly timeoutMs?: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Of the text; undefined when it is none. */
  readonly json: unknown;
}

/** Rejects when no answer comes. */
export async function ask(base: string, question: Question): Promise<Answered> {
  const { method, path, token, headers, body, agent, timeoutMs = 60_000 } = question;
  const { hostname, port } = new URL(base);
  const plain = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const payload = plain ? body : JSON.stringify(body);
  return await new Promise((resolve, reject) => {
    const sent = request(
      {
        host: hostname,
        port,
        method,
        path,
        ...(agent === undefined ? {} : { agent }),
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(plain ? {} : { 'content-type': 'application/json' }),
          ...(payload === undefined ? {} : { 'content-length': String(Buffer.byteLength(payload)) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: jsonOf(text) });
        });
      },
    );
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    sent.on('error', reject);
    // After the answer nobody else listens: a server may hang up while a refused body is still on its way.
    sent.on('socket', (socket) => {
      if (socket.listenerCount('error') < 3) socket.on('error', () => {});
    });
    sent.end(payload);
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
