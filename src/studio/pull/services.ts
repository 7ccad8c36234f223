/** What the resolvers need of the outside: addresses, tokens, fetching small answers. */

import { UserError } from '#core/errors';
import { httpGet, readBody } from '../net/http.ts';
import type { SourceHosts } from './source.ts';

export interface PullServices {
  readonly hosts: SourceHosts;
  readonly tokens: Partial<Record<'hugging-face' | 'civitai', string>>;
  /** Folder of the Hugging Face hub's cache. */
  readonly hubCache: string;
  /** Lets addresses of the local network through: all, or those of some hosts (a mirror at home). */
  readonly allowPrivate: boolean | readonly string[];
}

/** Reads the environment as Hugging Face's own library does, plus CIVITAI_TOKEN and DARKROOM_PRIVATE_HOSTS. */
export function servicesFromEnvironment(env: NodeJS.ProcessEnv, home: string): PullServices {
  const path = (...parts: string[]) => parts.join('/');
  const hfHome = env.HF_HOME ?? path(env.XDG_CACHE_HOME ?? path(home, '.cache'), 'huggingface');
  const huggingFace = env.HF_ENDPOINT?.replace(/\/+$/, '') || 'https://huggingface.co';
  const hfToken = env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN;
  return {
    hosts: { huggingFace, civitai: 'https://civitai.com' },
    tokens: { 'hugging-face': hfToken || undefined, civitai: env.CIVITAI_TOKEN || undefined },
    hubCache: env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? path(hfHome, 'hub'),
    // By name, comma between them: an address that a user pastes must not reach the rest of the network.
    allowPrivate: (env.DARKROOM_PRIVATE_HOSTS ?? '').split(',').flatMap((host) => host.trim() || []),
  };
}

export function authorizationFor(
  services: PullServices,
  whose: 'hugging-face' | 'civitai' | undefined,
): string | undefined {
  const token = whose === undefined ? undefined : services.tokens[whose];
  return token === undefined ? undefined : `Bearer ${token}`;
}

/** @throws UserError `pull.not-found`, `pull.denied`; DarkroomError `net.*`, `pull.answer` */
export async function fetchJson(
  services: PullServices,
  url: string,
  whose: 'hugging-face' | 'civitai',
  signal: AbortSignal,
): Promise<unknown> {
  const authorization = authorizationFor(services, whose);
  const response = await httpGet(url, {
    headers: { accept: 'application/json' },
    authorization,
    signal,
    allowPrivate: services.allowPrivate,
  });
  const body = await readBody(response, 32 * 2 ** 20);
  if (response.status !== 200) throw statusError(response.status, url, whose);
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown;
  } catch (cause) {
    throw new UserError('pull.answer', `${url} does not answer with JSON; is the address right?`, { cause });
  }
}

/** What a status other than success means, and what to do. */
export function statusError(status: number, url: string, whose?: 'hugging-face' | 'civitai'): UserError {
  const variable = whose === 'civitai' ? 'CIVITAI_TOKEN' : whose === 'hugging-face' ? 'HF_TOKEN' : undefined;
  const login =
    variable === undefined ? 'It needs a login.' : `Log in there, make an access token and set ${variable}.`;
  const terms =
    whose === 'hugging-face'
      ? 'Accept the terms on its page first, with the account of your token.'
      : 'Access is denied.';
  const sentences: Readonly<Record<number, readonly [code: string, sentence: string]>> = {
    401: ['pull.denied', login],
    403: ['pull.denied', terms],
    404: ['pull.not-found', 'There is no such file or model.'],
    410: ['pull.not-found', 'It has been archived or removed.'],
    451: ['pull.denied', 'It is withheld for legal reasons.'],
    429: ['pull.rate-limited', 'There were too many requests; try again later.'],
  };
  const [code, sentence] = sentences[status] ?? ['pull.answer', 'Try again later.'];
  return new UserError(code, `${url} answers ${status}. ${sentence}`);
}
