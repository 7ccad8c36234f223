/** A device of an adapter with all that kernels can use. Where adapters come from is the host's: a page, or Node. */

import type { OpenDevice } from './device.ts';
import type { MatrixShape } from './shader.ts';

const wantedFeatures = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix', 'timestamp-query'];
const wantedLimits = [
  'maxComputeWorkgroupStorageSize',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxStorageBuffersPerShaderStage',
] as const;

export async function openAdapter(
  adapter: GPUAdapter,
  { limits, owner }: Pick<OpenDevice, 'limits' | 'owner'> = {},
): Promise<OpenDevice> {
  const device = await adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter((f) => adapter.features.has(f)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(wantedLimits.map((l) => [l, adapter.limits[l]])),
  });
  const info = infoOf(adapter);
  const { vendor, architecture, description } = info;
  return {
    device,
    description: [vendor, architecture, description].filter(Boolean).join(' '),
    software: isSoftware(info),
    matrix: matrixShape(adapter, info),
    limits,
    owner,
  };
}

function isSoftware({ isFallbackAdapter, architecture, description }: AdapterInfo): boolean {
  return (
    isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(`${architecture} ${description}`)
  );
}

/** Not all of it is in the types yet: the shapes of subgroup matrices are experimental. */
interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  readonly subgroupMatrixConfigs?: ArrayLike<{
    readonly M: number;
    readonly N: number;
    readonly K: number;
    readonly componentType: string;
    readonly resultComponentType: string;
  }>;
}

const infoOf = (adapter: GPUAdapter): AdapterInfo => (adapter as unknown as { info: AdapterInfo }).info;

/** The largest shape with halves in and f32 out. */
function matrixShape(adapter: GPUAdapter, info: AdapterInfo): MatrixShape | undefined {
  if (!adapter.features.has('chromium-experimental-subgroup-matrix')) return undefined;
  if (info.subgroupMinSize !== info.subgroupMaxSize) return undefined;
  const shapes = Array.from(info.subgroupMatrixConfigs ?? [])
    .filter((c) => c.componentType === 'f16' && c.resultComponentType === 'f32')
    .sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  const [best] = shapes;
  return best && { m: best.M, n: best.N, k: best.K, subgroup: info.subgroupMaxSize };
}
