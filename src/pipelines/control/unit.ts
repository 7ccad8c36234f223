/**
 * One unit of control, as requests have it: a picture, what makes a hint of it, the network that reads the hint, and
 * how and when that acts. Names and meaning follow sd-webui-controlnet v1.1.455.
 */

import { z } from 'zod';

/** As many as its settings allow there. */
export const maxControls = 10;

export const controlModes = ['balanced', 'prompt', 'control'] as const;
export const resizeModes = ['stretch', 'crop', 'fill'] as const;

const share = z.number().min(0).max(1);

/** Without its pictures, which travel beside it. */
export const controlUnitFields = z.strictObject({
  module: z.string().max(200).default('none').describe('What makes a hint of the picture; none takes it as it is.'),
  model: z.string().max(500).optional().describe('ControlNet, T2I adapter or IP adapter, by name.'),
  weight: z.number().min(0).max(2).default(1).describe('How strongly it acts; 0 leaves the unit out.'),
  start: share.default(0).describe('Share of the steps after which it begins to act.'),
  end: share.default(1).describe('Share of the steps after which it ends.'),
  controlMode: z
    .enum(controlModes)
    .default('balanced')
    .describe('Whether the prompt or the hint counts more; control acts on the prompt’s side of the guidance alone.'),
  resizeMode: z.enum(resizeModes).default('crop').describe('How the hint comes to the picture’s shape.'),
  pixelPerfect: z.boolean().default(false).describe('The module works at the resolution that fits the picture.'),
  resolution: z.int().min(64).max(4096).optional().describe('Shorter side at which the module works; 512 usually.'),
  thresholdA: z.number().optional().describe('The module’s first number; its own when left out.'),
  thresholdB: z.number().optional().describe('The module’s second number.'),
  lowMemory: z.boolean().default(false).describe('Its network is loaded without what makes it faster.'),
});

export type ControlUnit = z.output<typeof controlUnitFields>;

/** Rules that are about several fields of a unit. */
export function inOrder<T extends z.ZodType<{ start: number; end: number }>>(unit: T): T {
  return unit.refine(({ start, end }) => start <= end, { path: ['start'], error: 'must not be after end' });
}

export const controlUnitSchema = inOrder(controlUnitFields);
