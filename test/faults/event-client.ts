/** One reader of the event stream over a connection of its own, which can be cut and taken up again. */

import { type ClientRequest, get, type IncomingMessage } from 'node:http';

export interface EventFrame {
  readonly id: number;
  readonly type: string;
  /** JSON. */
  readonly data: string;
}

/** Kinds that are not kept for those who come back: how far a job is, which is old by then. */
export const passingTypes: readonly string[] = ['job.progress', 'job.preview'];

export class EventClient {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #take: (frame: EventFrame) => void;
  #request: ClientRequest | undefined;
  #text = '';
  lastId: number | undefined;
  bytes = 0;
  /** Ends of the stream that the server made. */
  ends = 0;

  /** @param take called with every frame, in order of arrival */
  constructor(url: string, token: string | undefined, take: (frame: EventFrame) => void) {
    this.#url = url;
    this.#token = token;
    this.#take = take;
  }

  /** Resolves when the server has answered. */
  async open(): Promise<void> {
    this.#text = '';
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(this.lastId === undefined ? {} : { 'last-event-id': String(this.lastId) }),
      };
      this.#request = get(this.#url, { agent: false, headers }, resolve).once('error', reject);
    });
    if (response.statusCode !== 200) throw new Error(`the event stream answers ${response.statusCode}`);
    const request = this.#request;
    request?.on('error', () => {}); // cut by ourselves
    response.setEncoding('utf8');
    response.on('error', () => {});
    response.on('data', (text: string) => this.#read(text));
    response.on('end', () => {
      if (request === this.#request) this.ends++;
    });
  }

  cut(): void {
    const request = this.#request;
    this.#request = undefined;
    request?.destroy();
  }

  #read(text: string): void {
    if (this.#request === undefined) return;
    this.bytes += text.length;
    this.#text += text;
    for (let end = this.#text.indexOf('\n\n'); end >= 0; end = this.#text.indexOf('\n\n')) {
      const frame = frameOf(this.#text.slice(0, end));
      this.#text = this.#text.slice(end + 2);
      if (!frame) continue;
      this.lastId = frame.id;
      this.#take(frame);
    }
  }
}

function frameOf(text: string): EventFrame | undefined {
  const fields = new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  );
  const id = fields.get('id');
  if (id === undefined) return undefined;
  return { id: Number(id), type: fields.get('event') ?? 'message', data: fields.get('data') ?? '' };
}
