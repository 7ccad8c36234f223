/** The optimisers by name, with the options that each takes. */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { findNamed, type Named } from '#diffusion/named';
import type { Optimizer } from '../optimizer.ts';
import { adafactor, adafactorOptions } from './adafactor.ts';
import { adam, adamOptions } from './adam.ts';
import { adamW, adamWOptions } from './adamw.ts';
import { lion, lionOptions } from './lion.ts';
import { prodigy, prodigyOptions } from './prodigy.ts';
import { sgd, sgdOptions } from './sgd.ts';

export interface OptimizerRow extends Named {
  /** Names of the options. */
  readonly options: readonly string[];
  /** Throws UserError for a wrong or unknown option. */
  create(options: Readonly<Record<string, unknown>>): Optimizer;
}

function row<S extends z.ZodObject>(
  name: string,
  aliases: readonly string[],
  schema: S,
  create: (options: z.output<S>) => Optimizer,
): OptimizerRow {
  return {
    name,
    aliases,
    options: Object.keys(schema.shape),
    create(options) {
      const parsed = schema.safeParse(options);
      if (parsed.success) return create(parsed.data);
      throw new UserError('optimizer.options', `options of the optimiser ${name}: ${z.prettifyError(parsed.error)}`);
    },
  };
}

export const optimizers: readonly OptimizerRow[] = [
  row('adamw', [], adamWOptions, adamW),
  row('adam', ['adam_l2'], adamOptions, adam),
  row('sgd', [], sgdOptions, sgd),
  row('lion', [], lionOptions, lion),
  row('adafactor', [], adafactorOptions, adafactor),
  row('prodigy', [], prodigyOptions, prodigy),
];

/** Throws UnknownNameError with the nearest names. */
export function findOptimizer(name: string): OptimizerRow {
  return findNamed('optimizer', optimizers, name);
}
