/** The memory plan of a job, and what is said about it. */

import { UserError } from '#core/errors';
import type { Backend } from '#engine/backend';
import { blockBytes } from '#engine/memory';
import { blockFormOf, isBlockPacking } from '#formats/packing';
import type { GenerationJob, SamplingPass } from '../job.ts';
import { needsEncoder } from '../start.ts';
import { type MemoryEstimate, type MemoryNeed, type MemoryPlan, planMemory } from './plan.ts';

/** What the host has; bytes. */
export interface HostMemory {
  /** What the process may take in all, now. */
  limit(): number;
  /** What it could ever take. */
  readonly total: number;
}

export interface JobMemory {
  readonly plan: MemoryPlan;
  readonly estimate: MemoryEstimate;
  readonly limit: number;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Of the pass that takes most; the other passes keep to its plan.
 * @throws UserError `memory.too-large` for a job that this machine could never hold
 */
export async function planJobMemory(job: GenerationJob, backend: Backend, host: HostMemory): Promise<JobMemory> {
  const limit = host.limit();
  const passes = job.passes.flatMap((pass) => [pass, ...(pass.handOver ? [pass.handOver.pass] : [])]);
  const planned = await Promise.all(passes.map(async (pass) => planMemory(await needOf(job, pass, backend), limit)));
  const most = planned.reduce((a, b) => (b.estimate.peak > a.estimate.peak ? b : a));
  const { height, width } = passes[planned.indexOf(most)]!.size;
  if (most.estimate.peak > host.total) {
    throw new UserError(
      'memory.too-large',
      `A picture of ${width}x${height} needs about ${gigabytes(most.estimate.peak)} for ${most.estimate.phase}, even in ` +
        `the smallest parts; this machine has ${gigabytes(host.total)}. Ask for a smaller size.`,
    );
  }
  return { ...most, limit, warnings: warningsOf(most.plan, most.estimate, limit) };
}

async function needOf({ batches }: GenerationJob, pass: SamplingPass, backend: Backend): Promise<MemoryNeed> {
  const { request, latentSize: size } = pass;
  const { parts, weights } = pass.model;
  const pictures = Math.max(...batches.map(({ count }) => count));
  const kept = new Set<string>();
  for (const graph of [parts.denoiser.graph(size), ...parts.textEncoders.map((part) => part.graph())]) {
    for (const name of (await backend.keptInBlocks?.(graph, weights)) ?? []) kept.add(name);
  }
  return {
    parts,
    weights,
    size,
    rows: pictures * (request.cfgScale === 1 ? 1 : 2) + (request.pagScale > 0 ? pictures : 0),
    encodes: needsEncoder(pass),
    inBlocks: (name) => {
      const ref = kept.has(name) ? weights.get(name) : undefined;
      return ref?.kind === 'packed' && isBlockPacking(ref.packing) ? blockBytes(blockFormOf(ref.packing)) : undefined;
    },
  };
}

function warningsOf({ tiling }: MemoryPlan, { peak, phase }: MemoryEstimate, limit: number): string[] {
  const warnings: string[] = [];
  if (tiling) warnings.push('To fit into memory the VAE works in tiles; colours may differ a little from the whole.');
  if (peak > limit) {
    const needs = `This needs about ${gigabytes(peak)} of memory for ${phase}, and ${gigabytes(limit)} are free`;
    warnings.push(`${needs}; it may be slow or be stopped. Use a smaller size, or a GGUF or 8-bit file of the model.`);
  }
  return warnings;
}

/** What a plan does, in words. */
export function describePlan({ plan, estimate, limit }: JobMemory): string {
  const measures = [
    plan.releaseEncoders && 'text encoders are let go after the prompt',
    plan.tiling && `the VAE works in tiles of ${plan.tiling.side} cells`,
    plan.releaseDenoiser && 'the denoiser is let go before the VAE',
  ].filter((text) => text !== false && text !== undefined);
  const how = measures.length > 0 ? `; ${measures.join(', ')}` : '';
  const rows = `${plan.rows} ${plan.rows === 1 ? 'row' : 'rows'} of the batch at once`;
  return `about ${gigabytes(estimate.peak)} of ${gigabytes(limit)}, most for ${estimate.phase}; ${rows}${how}`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 10e9 ? 1 : 0)} GB`;
}
