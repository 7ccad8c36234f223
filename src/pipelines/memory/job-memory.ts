/** The memory plan of a job, and what is said about it. */

import { UserError } from '#core/errors';
import type { GenerationJob } from '../job.ts';
import { gigabytes, type HostMemory } from './host-memory.ts';
import { type NeedContext, needOf } from './need.ts';
import { type MemoryEstimate, type MemoryPlan, planMemory } from './plan.ts';

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
export async function planJobMemory(job: GenerationJob, context: NeedContext, host: HostMemory): Promise<JobMemory> {
  const limit = host.limit();
  const passes = job.passes.flatMap((pass) => [pass, ...(pass.handOver ? [pass.handOver.pass] : [])]);
  const planned = await Promise.all(passes.map(async (pass) => planMemory(await needOf(job, pass, context), limit)));
  const most = planned.reduce((a, b) => (b.estimate.peak > a.estimate.peak ? b : a));
  const { height, width } = passes[planned.indexOf(most)]!.size;
  if (most.estimate.peak > host.total) {
    throw new UserError(
      'memory.too-large',
      `A picture of ${width}x${height} needs about ${gigabytes(most.estimate.peak)} for ${most.estimate.phase}, even in ` +
        `the smallest parts; this machine has ${gigabytes(host.total)}. Ask for a smaller size.`,
    );
  }
  const together = peakTogether(
    job,
    planned.map(({ estimate }) => estimate),
  );
  if (together !== undefined && together <= limit) {
    const plan = { ...most.plan, sizes: job.passes.length };
    return { plan, estimate: { ...most.estimate, peak: together }, limit, warnings: [] };
  }
  return { ...most, limit, warnings: warningsOf(most.plan, most.estimate, limit) };
}

/** The plan that needs least, whatever there is: for a device that tells nobody how much memory it has. */
export async function smallestPlan(job: GenerationJob, context: NeedContext): Promise<MemoryPlan> {
  return (await planJobMemory(job, context, { limit: () => 0, total: Number.POSITIVE_INFINITY })).plan;
}

/**
 * Where one batch after another goes through several passes of one model: bytes with the networks of all of them there,
 * at most. What is there before the first of them counts once.
 */
function peakTogether({ batches, passes }: GenerationJob, estimates: readonly MemoryEstimate[]): number | undefined {
  const isOneModel = passes.every(({ model, handOver }) => model === passes[0]!.model && !handOver);
  if (batches.length < 2 || passes.length < 2 || !isOneModel) return undefined;
  const before = estimates[0]!.phases['reading the prompt']!;
  return before + estimates.reduce((bytes, { peak }) => bytes + peak - before, 0);
}

/** What a plan changes about a picture, one sentence each. */
export function costsOf({ tiling }: MemoryPlan): string[] {
  return tiling ? ['To fit into memory the VAE works in tiles; colours may differ a little from the whole.'] : [];
}

function warningsOf(plan: MemoryPlan, { peak, phase }: MemoryEstimate, limit: number): string[] {
  const warnings = costsOf(plan);
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
