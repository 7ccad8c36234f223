/** Model files that are made of others: what can be asked for, by kind of work. Models are called by name or path. */

import { z } from 'zod';
import { conversionLayouts, storageForms } from '#models/convert/plan';
import type { modelWorkKinds } from './job-kinds.ts';

const name = z.string().min(1).max(1000);

/** `choices`: which models of the library it can be (`kindsOfChoices` of the studio). */
const model = (label: string, about: string, choices = 'checkpoints') =>
  name.describe(about).meta({ label, control: 'choice', choices });

export const mergeSchema = z.object({
  a: model('Checkpoint A', 'Checkpoint whose other weights stay.'),
  b: model('Checkpoint B', 'Checkpoint that is mixed in.').optional(),
  multiplier: z
    .number()
    .default(0.3)
    .describe('How much of B: A (1 - x) + B x.')
    .meta({ label: 'Multiplier', control: 'slider', step: 0.05, usual: [0, 1] }),
  difference: model('Checkpoint C', 'Add the difference of B to this checkpoint: A + x (B - C).').optional(),
  blockWeights: z
    .array(z.number())
    .optional()
    .describe('Multipliers of base, IN, M and OUT blocks: 26 numbers, of SDXL 20.')
    .meta({ label: 'Block weights', control: 'text' }),
  vae: model('VAE', 'Put this VAE into the result.', 'vaes').optional(),
  loras: z
    .array(name)
    .max(20)
    .default([])
    .describe('Bake this LoRA in: NAME, NAME:0.8, or whatever else may stand in <lora:...>; may be repeated.')
    .meta({ label: 'LoRAs', control: 'text', choices: 'loras', flag: 'lora' }),
  half: z
    .boolean()
    .default(false)
    .describe('Store weights in 16 bits.')
    .meta({ label: 'Half precision', control: 'switch' }),
  discard: z
    .string()
    .max(1000)
    .refine(isPattern, 'must be a regular expression')
    .optional()
    .describe('Leave out weights whose names match this regular expression.')
    .meta({ label: 'Leave out', control: 'text' }),
});

export const conversionSchema = z.object({
  model: model('Model', 'A single file or a diffusers folder.', 'models'),
  layout: z
    .enum(conversionLayouts)
    .optional()
    .describe('Layout to write (default: by the target’s ending).')
    .meta({ label: 'Layout', control: 'choice', flag: 'to' }),
  dtype: z
    .enum(storageForms)
    .optional()
    .describe('How weights are stored (default: f16; q8_0 for GGUF).')
    .meta({ label: 'Type', control: 'choice' }),
  ema: z
    .boolean()
    .default(false)
    .describe('Take the moving average for the weights, where the file holds one.')
    .meta({ label: 'Moving average', control: 'switch' }),
});

export const extractionSchema = z.object({
  tuned: model('Tuned checkpoint', 'Checkpoint that was trained on from the other.'),
  base: model('Base checkpoint', 'Checkpoint that it came from.'),
  rank: z
    .int()
    .min(1)
    .max(1024)
    .default(32)
    .describe('Rank of the LoRA: larger files keep more of the difference.')
    .meta({ label: 'Rank', control: 'slider', step: 1, usual: [4, 128] }),
  convRank: z
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('Rank of residual blocks’ convolutions; 0 leaves them out.')
    .meta({ label: 'Rank of convolutions', control: 'slider', step: 1, usual: [0, 128] }),
  full: z
    .boolean()
    .default(false)
    .describe('Store it in 32 bits rather than 16.')
    .meta({ label: 'Full precision', control: 'switch' }),
});

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** Where the result goes: in the folder of such models, never over one that is there. */
const target = z.object({ name: z.string().min(1).max(200).describe('File or folder to write, by its name alone.') });

export const modelWorkRequests = {
  merge: mergeSchema.extend(target.shape),
  convert: conversionSchema.extend(target.shape),
  extract: extractionSchema.extend(target.shape),
} as const satisfies Record<(typeof modelWorkKinds)[number], z.ZodType>;

export type ModelWorkKind = keyof typeof modelWorkRequests;
