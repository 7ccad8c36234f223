/** A dry run: what a training would take, told before it starts. */

import { modelRoots } from '#studio/library/roots';
import { planTraining } from '#studio/training/plan';
import type { TrainingKind } from '#studio/training/runner';
import { createBackend } from '../backend-main.ts';
import type { CommandContext } from './command.ts';
import { checkUsable } from './doctor/usable.ts';
import { formatDuration } from './terminal.ts';
import type { TrainingOptions } from './training.ts';

export async function tellPlan<Config extends { readonly run: string }>(
  config: Config,
  { modelsDir }: Pick<TrainingOptions, 'modelsDir'>,
  { output }: CommandContext,
  kind: TrainingKind<Config>,
): Promise<void> {
  const { backend: device, threads } = kind.commons(config);
  await checkUsable(device);
  const note = (message: string): void => output.note(message);
  const backend = createBackend(device, { threads, warn: note });
  try {
    const plan = await planTraining(config, kind, {
      backend,
      root: process.cwd(),
      modelRoots: modelRoots(modelsDir),
      note,
    });
    output.result(`memory ${(plan.memoryBytes / 2 ** 30).toFixed(1)} GiB at most`);
    if (plan.secondsPerStep === undefined) return;
    output.result(
      `${plan.secondsPerStep.toFixed(2)} s a step, ${formatDuration(plan.seconds!)} for ${plan.steps} steps`,
    );
  } finally {
    await backend.dispose();
  }
}
