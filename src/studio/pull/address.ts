/** A plain web address or a local path as a plan. */

import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '#core/errors';
import { isMissing } from '../files/disk-error.ts';
import { isSafeName } from '../files/safe-path.ts';
import { discard, httpGet } from '../net/http.ts';
import type { PullPlan } from './plan.ts';
import { type PullServices, statusError } from './services.ts';

const modelExtension = /\.(safetensors|ckpt|pt|pth|bin|gguf)$/i;

/** Asks for one byte to learn the file's name and size. @throws UserError `pull.not-a-model`; as statusError and httpGet */
export async function planAddress(services: PullServices, url: string, signal: AbortSignal): Promise<PullPlan> {
  const response = await httpGet(url, {
    headers: { range: 'bytes=0-0' },
    signal,
    allowPrivate: services.allowPrivate,
  });
  discard(response.body);
  const { status, headers } = response;
  if (status !== 200 && status !== 206 && status !== 416) throw statusError(status, url);
  const names = [dispositionName(headers['content-disposition']), lastName(url), lastName(response.url)];
  const name = names.find(
    (candidate) => candidate !== undefined && modelExtension.test(candidate) && isSafeName(candidate),
  );
  if (name === undefined) {
    throw new UserError(
      'pull.not-a-model',
      `${url} does not look like a model file; expected a name ending in .safetensors, .ckpt, .pt, .pth, .bin or .gguf.`,
    );
  }
  const total =
    /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? (status === 200 ? headers['content-length'] : undefined);
  return {
    title: name,
    files: [{ from: url, name, bytes: total === undefined ? undefined : Number(total) }],
    card: { source: url },
  };
}

/** @throws UserError `pull.not-found` */
export async function planLocal(path: string): Promise<PullPlan> {
  try {
    const stats = await stat(path);
    const name = basename(path);
    if (!stats.isDirectory() && !modelExtension.test(name)) {
      throw new UserError('pull.not-a-model', `${path} does not look like a model file.`);
    }
    return { title: name, files: [{ from: path, name, bytes: stats.isFile() ? stats.size : undefined }], card: {} };
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UserError('pull.not-found', `There is no file or folder ${path}.`, { cause: error });
  }
}

/** `filename*=UTF-8''…` before `filename="…"` (RFC 6266). */
function dispositionName(header: string | undefined): string | undefined {
  const encoded = /filename\*\s*=\s*utf-8''([^;]+)/i.exec(header ?? '')?.[1];
  const plain = /filename\s*=\s*(?:"([^"]*)"|([^;\s]+))/i.exec(header ?? '');
  return encoded === undefined ? (plain?.[1] ?? plain?.[2]) : decode(encoded.trim());
}

function lastName(url: string): string | undefined {
  return decode(new URL(url).pathname.split('/').at(-1)!);
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
