/**
 * Civitai models: the version's file, with its hash, trigger words and terms.
 * Source: Civitai REST API v1 (`model-versions/{id}`, `models/{id}`, `model-versions/by-hash/{hash}`).
 */

import { z } from 'zod';
import type { ModelCard, ModelKind } from '#api/records/model';
import { UserError } from '#core/errors';
import { isSafeName } from '../files/safe-path.ts';
import type { PullPlan } from './plan.ts';
import { fetchJson, type PullServices } from './services.ts';
import type { PullSource } from './source.ts';

const fileSchema = z.object({
  id: z.int().optional(),
  name: z.string(),
  sizeKB: z.number().optional(),
  type: z.string().default('Model'),
  primary: z.boolean().default(false),
  metadata: z.object({ format: z.string().nullish() }).nullish(),
  hashes: z.object({ SHA256: z.string().optional() }).nullish(),
  downloadUrl: z.string().optional(),
});

const versionSchema = z.object({
  id: z.int(),
  modelId: z.int().optional(),
  name: z.string().default(''),
  baseModel: z.string().nullish(),
  trainedWords: z.array(z.string()).nullish(),
  files: z.array(fileSchema),
  model: z.object({ name: z.string(), type: z.string() }).nullish(),
});

const modelSchema = z.object({
  id: z.int(),
  name: z.string(),
  type: z.string(),
  allowCommercialUse: z.union([z.string(), z.array(z.string())]).nullish(),
  allowNoCredit: z.boolean().nullish(),
  allowDerivatives: z.boolean().nullish(),
  allowDifferentLicense: z.boolean().nullish(),
  modelVersions: z.array(z.object({ id: z.int() })).default([]),
});

type Version = z.output<typeof versionSchema>;
type Model = z.output<typeof modelSchema>;

const kinds: Readonly<Record<string, ModelKind>> = {
  Checkpoint: 'checkpoint',
  LORA: 'lora',
  LoCon: 'lora',
  DoRA: 'lora',
  TextualInversion: 'embedding',
  Hypernetwork: 'hypernetwork',
  Controlnet: 'controlnet',
  VAE: 'vae',
  Upscaler: 'upscaler',
};

/** @throws UserError `pull.not-found`; as fetchJson */
export async function planCivitai(
  services: PullServices,
  source: Extract<PullSource, { type: 'civitai' | 'civitai-hash' }>,
  signal: AbortSignal,
): Promise<PullPlan> {
  const get = <T>(path: string, schema: z.ZodType<T>) => fetchAs(services, path, schema, signal);
  const version = await findVersion(source, get);
  const model = version.modelId === undefined ? undefined : await get(`models/${version.modelId}`, modelSchema);
  const file = chooseFile(version, source.type === 'civitai' ? source.fileId : undefined);
  const sha256 = file.hashes?.SHA256?.toLowerCase();
  const kind = kinds[model?.type ?? version.model?.type ?? ''];
  const title = model?.name ?? version.model?.name ?? file.name;
  return {
    title: version.name === '' ? title : `${title} (${version.name})`,
    kind,
    files: [
      {
        from: downloadAddress(services, version, file.downloadUrl),
        name: isSafeName(file.name) ? file.name : `civitai-${version.id}.safetensors`,
        credentials: 'civitai',
        ...(sha256 && /^[0-9a-f]{64}$/.test(sha256) ? { sha256 } : {}),
      },
    ],
    card: cardOf(services, version, model),
  };
}

type Get = <T>(path: string, schema: z.ZodType<T>) => Promise<T>;

async function findVersion(
  source: Extract<PullSource, { type: 'civitai' | 'civitai-hash' }>,
  get: Get,
): Promise<Version> {
  if (source.type === 'civitai-hash') return await get(`model-versions/by-hash/${source.hash}`, versionSchema);
  if (source.versionId !== undefined) return await get(`model-versions/${source.versionId}`, versionSchema);
  const model = await get(`models/${source.modelId}`, modelSchema);
  const newest = model.modelVersions[0];
  if (!newest)
    throw new UserError('pull.not-found', `Civitai model ${model.id} (${model.name}) has no version to install.`);
  return await get(`model-versions/${newest.id}`, versionSchema);
}

/** The file asked for; otherwise the model in safetensors form, the one marked primary before others. */
function chooseFile(version: Version, fileId: number | undefined): Version['files'][number] {
  const asked = version.files.find((file) => file.id === fileId);
  if (asked) return asked;
  const isModel = /^(Model|Pruned Model|VAE|Negative|UNet|Diffusion Model)$/;
  const rank = (file: Version['files'][number]) =>
    (isModel.test(file.type) ? 4 : 0) + (file.metadata?.format === 'SafeTensor' ? 2 : 0) + (file.primary ? 1 : 0);
  const [best] = [...version.files].sort((a, b) => rank(b) - rank(a));
  if (!best) throw new UserError('pull.not-found', `Civitai version ${version.id} has no file.`);
  return best;
}

/** The stated address only when it is Civitai's own, since the token goes there. */
function downloadAddress(services: PullServices, version: Version, stated: string | undefined): string {
  const usual = `${services.hosts.civitai}/api/download/models/${version.id}`;
  return stated?.startsWith(`${services.hosts.civitai}/`) ? stated : usual;
}

function cardOf(services: PullServices, version: Version, model: Model | undefined): ModelCard {
  const words = version.trainedWords?.filter((word) => word.trim() !== '') ?? [];
  const page = model ? `${services.hosts.civitai}/models/${model.id}?modelVersionId=${version.id}` : undefined;
  return {
    ...(words.length > 0 ? { triggerWords: words } : {}),
    ...(version.baseModel ? { baseModel: version.baseModel } : {}),
    source: page,
    ...(model ? { licence: licenceOf(model) } : {}),
  };
}

function licenceOf(model: Model): string {
  const uses = [model.allowCommercialUse ?? []].flat().filter((use) => use !== 'None');
  return [
    uses.length > 0 ? `commercial use: ${uses.join(', ')}` : 'no commercial use',
    model.allowNoCredit === false ? 'credit required' : undefined,
    model.allowDerivatives === false ? 'no merges' : undefined,
    model.allowDifferentLicense === false ? 'same terms for merges' : undefined,
  ]
    .filter(Boolean)
    .join('; ');
}

async function fetchAs<T>(services: PullServices, path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
  const url = `${services.hosts.civitai}/api/v1/${path}`;
  const result = schema.safeParse(await fetchJson(services, url, 'civitai', signal));
  if (!result.success) throw new UserError('pull.answer', `${url} does not answer as Civitai does.`);
  return result.data;
}
