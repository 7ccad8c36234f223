/**
 * Hugging Face repositories: which files to take, with sizes and hashes.
 * Source: hub API `GET /api/models/{repo}/revision/{revision}?blobs=true`, `GET /{repo}/resolve/{commit}/{path}`.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { chooseWeightFiles } from '#models/weight-files';
import { isSafeName } from '../files/safe-path.ts';
import type { PlannedFile, PullPlan } from './plan.ts';
import { fetchJson, type PullServices } from './services.ts';
import type { PullSource } from './source.ts';

const repoSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.int().min(0).optional(),
      blobId: z.string().optional(),
      lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).nullish(),
    }),
  ),
  tags: z.array(z.string()).default([]),
  cardData: z.object({ license: z.string().optional(), license_name: z.string().optional() }).nullish(),
});

type Repo = z.output<typeof repoSchema>;
type Sibling = Repo['siblings'][number];
type HuggingFaceSource = Extract<PullSource, { type: 'hugging-face' }>;

/** @throws UserError `pull.choose` when the repository holds several models; as fetchJson */
export async function planHuggingFace(
  services: PullServices,
  source: HuggingFaceSource,
  signal: AbortSignal,
): Promise<PullPlan> {
  const { repo, revision } = source;
  const base = services.hosts.huggingFace;
  const url = `${base}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const parsed = repoSchema.safeParse(await fetchJson(services, url, 'hugging-face', signal));
  if (!parsed.success) throw new UserError('pull.answer', `${url} does not answer as Hugging Face does.`);
  const info = parsed.data;
  const { files, folder } = chooseFiles(info.siblings, source);
  const licence = info.cardData?.license_name ?? info.cardData?.license;
  return {
    title: source.path === undefined ? repo : `${repo}/${source.path}`,
    files: files.map(({ sibling, name }) => planned(base, source, info.sha, sibling, name)),
    card: { source: `${base}/${repo}`, licence },
    folder,
  };
}

interface Choice {
  readonly files: readonly { readonly sibling: Sibling; readonly name: string }[];
  readonly folder?: string;
}

function chooseFiles(siblings: readonly Sibling[], source: HuggingFaceSource): Choice {
  const safe = siblings.filter((sibling) => sibling.rfilename.split('/').every(isSafeName));
  const { repo, path } = source;
  const exact = safe.find((sibling) => sibling.rfilename === path);
  if (exact) return { files: [{ sibling: exact, name: path!.split('/').at(-1)! }] };
  const prefix = path === undefined ? '' : `${path.replace(/\/$/, '')}/`;
  const below = safe.filter((sibling) => sibling.rfilename.startsWith(prefix));
  if (below.length === 0) throw new UserError('pull.not-found', `There is no ${path ?? 'file'} in ${repo}.`);
  const folder = (path ?? repo).split('/').at(-1)!;
  const names = below.map((sibling) => ({ sibling, name: sibling.rfilename.slice(prefix.length) }));
  if (names.some(({ name }) => name === 'model_index.json')) return { files: diffusersFiles(names), folder };
  const weights = names.filter(({ name }) => !name.includes('/') && /\.(safetensors|ckpt|pt|pth|gguf)$/.test(name));
  const best = weights.filter(({ name }) => name.endsWith('.safetensors'));
  const candidates = best.length > 0 ? best : weights;
  if (candidates.length === 1) return { files: candidates };
  if (candidates.length === 0) throw new UserError('pull.not-found', `There is no model file in ${repo}.`);
  const list = candidates.slice(0, 20).map(({ name }) => `hf:${repo}/${prefix}${name}`);
  throw new UserError('pull.choose', `${repo} holds ${candidates.length} models; name one: ${list.join(', ')}`);
}

const parts = /^(unet|vae|text_encoder|text_encoder_2|tokenizer|tokenizer_2|scheduler)\//;
const sideFiles = /\.(json|txt)$/;

/** Configs of every part, and its weights in the best of the forms that are there. Safety checkers are left out. */
function diffusersFiles(names: Choice['files']): Choice['files'] {
  const chosen = names.filter(({ name }) => name === 'model_index.json');
  const inParts = names.filter(({ name }) => parts.test(name) && name.split('/').length === 2);
  chosen.push(...inParts.filter(({ name }) => sideFiles.test(name) && !/\.index(\.\w+)?\.json$/.test(name)));
  for (const part of new Set(inParts.map(({ name }) => name.split('/')[0]!))) {
    const inPart = inParts.filter(({ name }) => name.startsWith(`${part}/`));
    const weights = chooseWeightFiles(inPart.map(({ name }) => name.slice(part.length + 1)));
    chosen.push(...inPart.filter(({ name }) => weights.includes(name.slice(part.length + 1))));
  }
  return chosen;
}

function planned(base: string, source: HuggingFaceSource, commit: string, sibling: Sibling, name: string): PlannedFile {
  const path = sibling.rfilename;
  const bytes = sibling.lfs?.size ?? sibling.size;
  const etag = sibling.lfs?.sha256 ?? sibling.blobId;
  const { repo, revision } = source;
  return {
    from: `${base}/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`,
    name,
    credentials: 'hugging-face',
    bytes,
    ...(sibling.lfs ? { sha256: sibling.lfs.sha256 } : {}),
    ...(etag && /^[0-9a-f]{40,64}$/.test(etag) ? { hub: { repo, revision, commit, path, etag } } : {}),
  };
}
