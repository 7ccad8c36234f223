/**
 * What people paste into the install box: Hugging Face repositories and files, Civitai pages, versions, AIR names and
 * hashes, web addresses, paths. Purely textual; nothing is fetched.
 */

import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { UserError } from '#core/errors';

export type PullSource =
  | {
      readonly type: 'hugging-face';
      /** `owner/name` */
      readonly repo: string;
      readonly revision: string;
      /** File or folder in the repository; absent: what the repository is for. */
      readonly path?: string;
    }
  | { readonly type: 'civitai'; readonly modelId?: number; readonly versionId?: number; readonly fileId?: number }
  | { readonly type: 'civitai-hash'; readonly hash: string }
  | { readonly type: 'url'; readonly url: string }
  | { readonly type: 'local'; readonly path: string };

export interface SourceHosts {
  /** Base addresses, without a slash at the end. */
  readonly huggingFace: string;
  readonly civitai: string;
}

const repoName = /^[\w][\w.-]{0,95}\/[\w][\w.-]{0,95}$/;
const knownHuggingFace = ['huggingface.co', 'www.huggingface.co', 'hf.co', 'hf-mirror.com'];
const knownCivitai = ['civitai.com', 'www.civitai.com', 'civitai.green', 'civitai.red'];

/** @throws UserError `pull.source` */
export function parsePullSource(input: string, hosts: SourceHosts): PullSource {
  const text = input.trim();
  if (text === '' || text.length > 4000 || /[\x00-\x1f]/.test(text)) throw notASource(text);
  if (/^urn:air:/i.test(text)) return airSource(text);
  if (/^hf:/i.test(text)) return shortHuggingFace(text.slice(3).replace(/^\/\//, ''));
  if (/^https?:\/\//i.test(text)) return urlSource(text, hosts);
  const civitai = /^civitai:(?:(\d+))?(?:@(\d+))?$/i.exec(text);
  if (civitai && (civitai[1] ?? civitai[2])) return civitaiSource(civitai[1], civitai[2]);
  const hash = /^(?:hash:|sha256:)?([0-9a-f]{8}|[0-9a-f]{10}|[0-9a-f]{12}|[0-9a-f]{64})$/i.exec(text)?.[1];
  if (hash) return { type: 'civitai-hash', hash: hash.toUpperCase() };
  if (/^file:/i.test(text)) throw notASource(text);
  if (text.startsWith('~/')) return { type: 'local', path: join(homedir(), text.slice(2)) };
  if (isAbsolute(text) || /^\.{1,2}[\\/]/.test(text)) return { type: 'local', path: resolve(text) };
  if (repoName.test(text)) return { type: 'hugging-face', repo: text, revision: 'main' };
  throw notASource(text);
}

/** `owner/name[@revision][/path]` */
function shortHuggingFace(text: string): PullSource {
  const match = /^([^/@]+\/[^/@]+)(?:@([^/]+))?(?:\/(.+))?$/.exec(text);
  if (!match || !repoName.test(match[1]!)) throw notASource(`hf:${text}`);
  return withPath(match[1]!, match[2] ?? 'main', match[3]);
}

function urlSource(text: string, hosts: SourceHosts): PullSource {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw notASource(text);
  }
  if ([...knownHuggingFace, new URL(hosts.huggingFace).host].includes(url.host)) {
    const source = huggingFaceUrl(url);
    if (source) return source;
  }
  if ([...knownCivitai, new URL(hosts.civitai).host].includes(url.host)) {
    const source = civitaiUrl(url);
    if (source) return source;
  }
  return { type: 'url', url: url.href };
}

/** `/owner/name[/(blob|resolve|raw|tree)/revision[/path]]` */
function huggingFaceUrl(url: URL): PullSource | undefined {
  const [owner, name, verb, revision, ...path] = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  if (name === undefined) return undefined;
  const repo = `${owner}/${name}`;
  if (!repoName.test(repo) || ['datasets', 'spaces', 'api', 'docs', 'papers'].includes(owner!)) return undefined;
  if (verb === undefined) return { type: 'hugging-face', repo, revision: 'main' };
  if (!['blob', 'resolve', 'raw', 'tree'].includes(verb) || revision === undefined) return undefined;
  return withPath(repo, revision, path.length > 0 ? path.join('/') : undefined);
}

function withPath(repo: string, revision: string, path: string | undefined): PullSource {
  if (path?.split('/').some((name) => name === '..' || name === '.' || name === '')) throw notASource(path);
  return { type: 'hugging-face', repo, revision, path };
}

/** `/models/ID[/slug][?modelVersionId=ID]`, `/api/download/models/VERSION`, `/model-versions/ID` */
function civitaiUrl(url: URL): PullSource | undefined {
  const version = url.searchParams.get('modelVersionId') ?? undefined;
  const page = /^\/(?:[a-z]{2}\/)?models\/(\d+)/.exec(url.pathname)?.[1];
  const direct = /^\/(?:api\/download\/models|api\/v1\/model-versions|model-versions)\/(\d+)/.exec(url.pathname)?.[1];
  if (direct !== undefined) return civitaiSource(undefined, direct, url.searchParams.get('fileId') ?? undefined);
  return page === undefined ? undefined : civitaiSource(page, version);
}

/** `urn:air:{ecosystem}:{type}:{source}:{id}@{version}[:layer][+file][.format]` */
function airSource(text: string): PullSource {
  const [, , , , source = '', ...rest] = text.split(':');
  const id = rest.join(':');
  if (source.toLowerCase() === 'civitai') {
    const match = /^(\d+)(?:@(\d+))?(?::[^+.]*)?(?:\+(\d+))?(?:\.\w+)?$/.exec(id);
    if (match) return civitaiSource(match[1], match[2], match[3]);
  }
  if (source.toLowerCase() === 'huggingface') {
    const [repo, revision = 'main'] = id.split('@');
    if (repoName.test(repo!)) return { type: 'hugging-face', repo: repo!, revision };
  }
  throw notASource(text);
}

function civitaiSource(model: string | undefined, version: string | undefined, file?: string): PullSource {
  return {
    type: 'civitai',
    modelId: numberOf(model),
    versionId: numberOf(version),
    fileId: numberOf(file),
  };
}

const numberOf = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number(digits);

function notASource(text: string): UserError {
  return new UserError(
    'pull.source',
    `${JSON.stringify(text.slice(0, 200))} cannot be installed. Give a Hugging Face repository (owner/name, hf:owner/name/file, or its address), a Civitai page, version, AIR or hash, a web address, or a path.`,
  );
}
