/** `darkroom train`: runs a training configuration on a folder of pictures, or goes on with it where it was stopped. */

import type { Command } from 'commander';
import type { CommandContext } from '../command.ts';
import { defineTraining } from '../training.ts';

export function define(command: Command, context: CommandContext): void {
  defineTraining(command, context, async () => {
    const [{ trainingConfigSchema }, { prepareTraining }] = await Promise.all([
      import('#training/config'),
      import('#studio/training/prepare'),
    ]);
    return { schema: trainingConfigSchema, prepare: prepareTraining };
  });
}
