/** The native API from the page: requests, sign-in, and events. */

import type {
  WireControls,
  WireEvents,
  WireImagePage,
  WireJob,
  WireJobInput,
  WireJobPage,
  WireLimits,
  WireModel,
  WireQueue,
  WireSettings,
  WireStatus,
} from '#server/native/wire';

const base = '/api/v1';

/** What a request was refused for, or (code `network`) that nobody answered. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** The field of the request that is wrong. */
  readonly field: string | undefined;

  constructor(code: string, message: string, status: number, field?: string) {
    super(message);
    this.code = code;
    this.status = status;
    this.field = field;
  }
}

export type EventHandlers = { readonly [Type in keyof WireEvents]?: (data: WireEvents[Type]) => void };

export interface EventConnection {
  readonly handlers: EventHandlers;
  readonly onOpen: () => void;
  /** `ended`: the server will not be asked again by itself. */
  readonly onLost: (ended: boolean) => void;
}

export class Api {
  #token: string | undefined;

  constructor(token?: string) {
    this.#token = token;
  }

  status = async () => await this.#get<WireStatus>('/status');
  controls = async () => await this.#get<WireControls>('/families');
  settings = async () => await this.#get<WireSettings>('/settings');
  queue = async () => await this.#get<WireQueue>('/queue');
  checkpoints = async () => (await this.#get<{ models: WireModel[] }>('/models?kind=checkpoint')).models;
  limits = async (model: string) => await this.#get<WireLimits>(`/models/${model}/limits`);
  openJobs = async () =>
    (await this.#get<WireJobPage>('/jobs?order=next&state=running&state=queued&state=paused&limit=1000')).jobs;
  failedJobs = async () => (await this.#get<WireJobPage>('/jobs?state=failed&limit=20')).jobs;
  images = async (cursor?: string) =>
    await this.#get<WireImagePage>(
      `/images?limit=60${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    );

  submit = async (input: WireJobInput) => (await this.#send<{ job: WireJob }>('POST', '/jobs', input)).job;
  cancel = async (job: string) => await this.#send<WireJob>('POST', `/jobs/${job}/cancel`, {});
  retry = async (job: string) => await this.#send<WireJob>('POST', `/jobs/${job}/retry`);
  clearFailed = async () => await this.#send<{ removed: number }>('POST', '/queue/clear?state=failed');
  resumeQueue = async () => await this.#send<WireQueue>('POST', '/queue/resume');
  trash = async (image: string) => await this.#send('POST', '/images/trash', { ids: [image] });
  restore = async (image: string) => await this.#send('POST', '/images/restore', { ids: [image] });

  previewUrl(job: string, number: number): string {
    return `${base}/jobs/${job}/preview?index=0&number=${number}`;
  }

  /**
   * Signs in. The token also goes into a cookie that scripts cannot read, since pictures and event streams send no
   * headers of ours.
   * @throws ApiError with status 401 when it is not known
   */
  async signInWithToken(token: string): Promise<void> {
    await request('POST', '/session', { headers: { authorization: `Bearer ${token}` } });
    this.#token = token;
  }

  /** @returns the token that stands for name and password from now on */
  async signInWithPassword(name: string, password: string): Promise<string> {
    const pair = Array.from(new TextEncoder().encode(`${name}:${password}`), (byte) => String.fromCharCode(byte)).join(
      '',
    );
    const { token } = await request<{ token: string }>('POST', '/tokens', {
      headers: { authorization: `Basic ${btoa(pair)}` },
      body: { label: 'page', lifetimeMs: signInLifetimeMs },
    });
    await this.signInWithToken(token);
    return token;
  }

  async signOut(): Promise<void> {
    await this.#send('DELETE', '/session');
    this.#token = undefined;
  }

  /** Events after the given one. @returns what ends it */
  listen(after: number, { handlers, onOpen, onLost }: EventConnection): () => void {
    const source = new EventSource(`${base}/events?after=${after}`);
    source.onopen = onOpen;
    source.onerror = () => onLost(source.readyState === EventSource.CLOSED);
    for (const [type, handler] of Object.entries(handlers)) {
      source.addEventListener(type, (event: MessageEvent<string>) => {
        const { data } = JSON.parse(event.data) as { data: never };
        handler(data);
      });
    }
    return () => source.close();
  }

  async #get<T>(path: string): Promise<T> {
    return await request<T>('GET', path, { headers: this.#headers() });
  }

  async #send<T>(method: string, path: string, body?: unknown): Promise<T> {
    return await request<T>(method, path, { headers: this.#headers(), body });
  }

  #headers(): Record<string, string> {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }
}

const signInLifetimeMs = 30 * 86_400_000;

interface RequestParts {
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

async function request<T>(method: string, path: string, { headers, body }: RequestParts): Promise<T> {
  const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const init = {
    method,
    headers: { ...headers, ...json },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const response = await fetch(base + path, init).catch(() => {
    throw new ApiError('network', 'Darkroom does not answer. Is it still running? “npm start” starts it.', 0);
  });
  const text = await response.text();
  if (!response.ok) throw errorOf(response.status, text);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function errorOf(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; field?: string } };
    return new ApiError(error.code, error.message, status, error.field);
  } catch {
    return new ApiError('http', `The server answered ${status}; its log says why.`, status);
  }
}
