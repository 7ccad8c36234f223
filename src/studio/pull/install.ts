/** Carries out one pull: plan, fetch, look what it is, put it where such things lie. */

import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelKind } from '#api/records/model';
import type { PullRequest } from '#api/records/pull';
import { UserError } from '#core/errors';
import type { ModelDescription } from '#models/describe';
import { isMissing } from '../files/disk-error.ts';
import { isBelow, isSafeName, pathInside } from '../files/safe-path.ts';
import { writeWholeFile } from '../files/whole-file.ts';
import { folderForKind } from '../library/layout.ts';
import { modelStem } from '../library/scan.ts';
import { planAddress, planLocal } from './address.ts';
import { planCivitai } from './civitai.ts';
import { checkRoom, discardPart, download, hashFile } from './download.ts';
import { blobPath, enterSnapshot, lockPath, placeFile } from './hub-cache.ts';
import { planHuggingFace } from './hugging-face.ts';
import type { PlannedFile, PullPlan } from './plan.ts';
import { authorizationFor, type PullServices } from './services.ts';
import { type PullSource, parsePullSource } from './source.ts';

export interface InstallParts {
  readonly services: PullServices;
  /** Model folders, the default one first. */
  readonly roots: readonly string[];
  describe(path: string): Promise<ModelDescription>;
  readonly retryMs?: number;
  readonly stallMs?: number;
}

export interface InstallRun {
  readonly id: string;
  readonly request: PullRequest;
  readonly signal: AbortSignal;
  onPlan(plan: PullPlan): void | Promise<void>;
  onProgress(file: number, done: number, total: number | undefined): void;
}

/** Unfinished files lie here, below the model folder, so that the last step is a rename. */
export const stagingFolder = '.darkroom-downloads';

/** @returns where each planned file lies now */
export async function install(parts: InstallParts, run: InstallRun): Promise<readonly string[]> {
  const source = parsePullSource(run.request.source, parts.services.hosts);
  const plan = withOptions(await planFor(parts.services, source, run.signal), run.request);
  await run.onPlan(plan);
  const root = chooseRoot(parts.roots, run.request.root);
  if (source.type === 'local') return [await installLocal(parts, run, source.path, root)];
  const staging = join(root, stagingFolder, run.id);
  await mkdir(staging, { recursive: true });
  await checkRoom(
    staging,
    plan.files.reduce((sum, file) => sum + (file.bytes ?? 0), 0) - (await fetchedBytes(parts, plan, staging)),
  );
  const fetched: string[] = [];
  for (const [index, file] of plan.files.entries()) fetched.push(await fetchFile(parts, run, staging, file, index));
  const kind = run.request.kind ?? plan.kind ?? (await kindOf(parts, plan, fetched));
  const folder = join(await folderForKind(root, kind), ...(plan.folder === undefined ? [] : [plan.folder]));
  const placed: string[] = [];
  for (const [index, file] of plan.files.entries()) {
    placed.push(await place(fetched[index]!, pathInside(folder, file.name), file));
  }
  await writeCard(plan, plan.folder === undefined ? placed[0]! : folder, staging);
  await rm(staging, { recursive: true, force: true });
  return placed;
}

/** Removes what a cancelled pull has fetched. */
export async function discard(parts: InstallParts, id: string, request: PullRequest, plan?: PullPlan): Promise<void> {
  const root = chooseRoot(parts.roots, request.root);
  await rm(join(root, stagingFolder, id), { recursive: true, force: true });
  for (const { hub } of plan?.files ?? []) if (hub) await discardPart(blobPath(parts.services.hubCache, hub));
}

async function planFor(services: PullServices, source: PullSource, signal: AbortSignal): Promise<PullPlan> {
  switch (source.type) {
    case 'hugging-face':
      return await planHuggingFace(services, source, signal);
    case 'civitai':
    case 'civitai-hash':
      return await planCivitai(services, source, signal);
    case 'url':
      return await planAddress(services, source.url, signal);
    case 'local':
      return await planLocal(source.path);
  }
}

function withOptions(plan: PullPlan, options: PullRequest): PullPlan {
  const { name } = options;
  const wanted = options.sha256?.toLowerCase();
  if (wanted === undefined && name === undefined) return plan;
  const [file] = plan.files;
  if (plan.files.length !== 1 || !file || plan.folder !== undefined) {
    throw new UserError('pull.options', `${plan.title} is not a single file; a name or sha256 cannot be given for it.`);
  }
  if (name !== undefined && !(isSafeName(name) && modelStem(name) !== name)) {
    throw new UserError('pull.options', `${JSON.stringify(name)} is no name for a model file, e.g. model.safetensors.`);
  }
  if (wanted !== undefined && file.sha256 !== undefined && file.sha256 !== wanted) {
    throw new UserError('pull.hash', `${plan.title} has the sha256 ${file.sha256} by its source, expected ${wanted}.`);
  }
  const sha256 = wanted === undefined ? {} : { sha256: wanted };
  return { ...plan, files: [{ ...file, ...sha256, name: name ?? file.name }] };
}

function chooseRoot(roots: readonly string[], wanted: string | undefined): string {
  const root = wanted ?? roots[0];
  if (root === undefined || !roots.includes(root)) {
    const known = roots.join(', ') || 'none';
    throw new UserError('pull.root', `${wanted ?? 'There'} is no model folder of this studio; known: ${known}.`);
  }
  return root;
}

async function fetchFile(
  parts: InstallParts,
  run: InstallRun,
  staging: string,
  file: PlannedFile,
  index: number,
): Promise<string> {
  const { services } = parts;
  const target = file.hub ? blobPath(services.hubCache, file.hub) : pathInside(staging, file.name);
  const authorization = authorizationFor(services, file.credentials);
  const result = await download({
    url: file.from,
    file: target,
    allowPrivate: services.allowPrivate,
    signal: run.signal,
    onProgress: (done, total) => run.onProgress(index, done, total),
    bytes: file.bytes,
    sha256: file.sha256,
    authorization,
    whose: file.credentials,
    lock: file.hub && lockPath(services.hubCache, file.hub),
    retryMs: parts.retryMs,
    stallMs: parts.stallMs,
  });
  run.onProgress(index, result.bytes, result.bytes);
  if (file.hub) await enterSnapshot(services.hubCache, file.hub);
  return target;
}

/** Bytes that an earlier try has brought already. */
async function fetchedBytes(parts: InstallParts, plan: PullPlan, staging: string): Promise<number> {
  let bytes = 0;
  for (const file of plan.files) {
    const target = file.hub ? blobPath(parts.services.hubCache, file.hub) : pathInside(staging, file.name);
    bytes += (await sizeOf(target)) ?? (await sizeOf(`${target}.part`)) ?? 0;
  }
  return bytes;
}

/** A blob of the hub's cache has no extension, so it is looked at under its own name. */
async function kindOf(parts: InstallParts, plan: PullPlan, fetched: readonly string[]): Promise<ModelKind> {
  if (plan.folder !== undefined) return 'checkpoint';
  const [file] = plan.files;
  const { hub } = file!;
  const named = hub ? await enterSnapshot(parts.services.hubCache, hub) : fetched[0]!;
  const description = await parts.describe(named);
  if (description.kind !== 'unknown') return description.kind;
  const why = description.problem ?? `it is ${description.title}`;
  throw new UserError(
    'pull.kind',
    `${plan.title} was fetched, but cannot be placed: ${why}. Say what kind of model it is.`,
  );
}

/** Into its place; a file that is there already must be the same one. */
async function place(from: string, to: string, file: PlannedFile): Promise<string> {
  const present = await sizeOf(to);
  if (present !== undefined) {
    const same = present === (await sizeOf(from)) && (await hashFile(to)) === (await hashFile(from));
    if (!same) throw new UserError('pull.exists', `There is another file called ${to}; move or rename it first.`);
    return to;
  }
  if (file.hub) await placeFile(from, to);
  else {
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
  }
  return to;
}

async function installLocal(parts: InstallParts, run: InstallRun, from: string, root: string): Promise<string> {
  if (parts.roots.some((known) => isBelow(known, from))) return from;
  const isFolder = (await stat(from)).isDirectory();
  const description = run.request.kind === undefined ? await parts.describe(from) : undefined;
  const kind = run.request.kind ?? description!.kind;
  if (kind === 'unknown') {
    throw new UserError('pull.kind', `${from} cannot be placed: ${description?.problem ?? 'it is of no known kind'}.`);
  }
  if (run.request.sha256 !== undefined) await checkLocalHash(from, run.request.sha256, run.signal);
  const to = join(
    await folderForKind(root, kind),
    isFolder ? from.split(/[\\/]/).at(-1)! : `${modelStem(from)}${extensionOf(from)}`,
  );
  if ((await sizeOf(to)) !== undefined)
    throw new UserError('pull.exists', `There is a ${to} already; rename one of the two.`);
  if (!isFolder) {
    await checkRoom(await existing(dirname(to)), (await stat(from)).size);
    await placeFile(from, to);
    return to;
  }
  const staging = join(root, stagingFolder, run.id);
  await cp(from, staging, { recursive: true, dereference: true });
  await mkdir(dirname(to), { recursive: true });
  await rename(staging, to);
  return to;
}

async function checkLocalHash(file: string, wanted: string, signal: AbortSignal): Promise<void> {
  const got = await hashFile(file, signal);
  if (got === wanted.toLowerCase()) return;
  throw new UserError('pull.hash', `${file} has the sha256 ${got}, expected ${wanted.toLowerCase()}.`);
}

function extensionOf(path: string): string {
  return /\.[a-z]+$/i.exec(path)?.[0] ?? '';
}

/** Source, licence and trigger words, beside the model for whoever looks there. */
async function writeCard(plan: PullPlan, path: string, temporaryFolder: string): Promise<void> {
  if (Object.keys(plan.card).length === 0) return;
  const file = join(dirname(path), `${modelStem(path)}.darkroom.json`);
  await writeWholeFile(file, Buffer.from(`${JSON.stringify(plan.card, undefined, 2)}\n`), temporaryFolder);
}

async function existing(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  return folder;
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
