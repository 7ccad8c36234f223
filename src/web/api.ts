/** The API from the page: every operation as a typed call, sign-in, and what it says when something is refused. */

import { wireRows } from 'virtual:wire-rows';
import type { z } from 'zod';
import { addressOf, type Client, createClient, wireRequestOf } from '#api/client';
import type { Operations } from '#api/operations/index';

import { told } from './words/told.ts';

const base = '/api/v1';
const signInLifetimeMs = 30 * 86_400_000;

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

export interface Session {
  /**
   * Signs in. The token also goes into a cookie that scripts cannot read, since pictures and event streams send no
   * headers of ours.
   * @throws ApiError with status 401 when it is not known
   */
  signInWithToken(token: string): Promise<void>;
  /** @returns the token that stands for name and password from now on */
  signInWithPassword(name: string, password: string): Promise<string>;
  signOut(): Promise<void>;
}

export interface Files {
  /** A file that an operation makes of what it is given. */
  makeFile<N extends keyof Operations>(name: N, input: z.input<Operations[N]['input']>): Promise<Blob>;
}

export type Api = Client & Session & Files;

export function createApi(): Api {
  let token: string | undefined;
  const bearer = (of: string | undefined): Record<string, string> =>
    of === undefined ? {} : { authorization: `Bearer ${of}` };
  const client = createClient(
    wireRows,
    async ({ method, path, body }) => await request(method, path, bearer(token), body),
  );
  const session: Session = {
    async signInWithToken(given) {
      await request('POST', '/session', bearer(given));
      token = given;
    },
    async signInWithPassword(name, password) {
      const bytes = new TextEncoder().encode(`${name}:${password}`);
      const pair = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
      const body = { label: 'page', lifetimeMs: signInLifetimeMs };
      const answer = await request('POST', '/tokens', { authorization: `Basic ${btoa(pair)}` }, body);
      const made = (answer as { token: string }).token;
      await session.signInWithToken(made);
      return made;
    },
    async signOut() {
      await request('DELETE', '/session', bearer(token));
      token = undefined;
    },
  };
  const files: Files = {
    async makeFile(name, input) {
      const { method, path, body } = wireRequestOf(wireRows, name, input);
      return await (await answered(method, path, bearer(token), body)).blob();
    },
  };
  return { ...client, ...session, ...files };
}

/** Address of a file that the API serves, for pictures and links. */
export function fileAddress<N extends keyof Operations>(name: N, input: z.input<Operations[N]['input']>): string {
  return base + addressOf(wireRows, name, input);
}

async function request(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<unknown> {
  const text = await (await answered(method, path, headers, body)).text();
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

/** @throws ApiError for a status of failure, or `network` */
async function answered(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Response> {
  const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const init = {
    method,
    headers: { ...headers, ...json },
    body: body === undefined ? undefined : JSON.stringify(body),
  };
  const response = await fetch(base + path, init).catch(() => {
    throw new ApiError('network', 'Darkroom does not answer.', 0);
  });
  if (!response.ok) throw errorOf(response.status, await response.text());
  return response;
}

function errorOf(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; field?: string } };
    return new ApiError(error.code, told(error), status, error.field);
  } catch {
    return new ApiError('http', `The server answered ${status}; its log says why.`, status);
  }
}
