/** Control: the modules that make hints of pictures. */

import { z } from 'zod';
import { operation } from '../operation.ts';
import { pictureText } from '../picture-text.ts';

const tag = 'Control';

const slider = z.object({ label: z.string(), min: z.number(), max: z.number(), step: z.number(), value: z.number() });

export const controlModuleSchema = z.object({
  name: z.string().describe('What units call it.'),
  summary: z.string(),
  aliases: z.array(z.string()).describe('Other names that are understood.'),
  tags: z.array(z.string()).describe('Kinds of control that it is for.'),
  reads: z.enum(['picture', 'prompt', 'reference']).describe('Who reads the picture: it, an IP adapter, or the model.'),
  usesResolution: z.boolean(),
  needsMask: z.boolean(),
  thresholdA: slider.optional(),
  thresholdB: slider.optional(),
  own: z.boolean().describe('An ONNX file in models/annotators.'),
});

export const control = {
  listControlModules: operation({
    method: 'get',
    path: '/control/modules',
    tag,
    runs: true,
    summary: 'Modules that make hints for units of control, and what they read.',
    output: z.object({ modules: z.array(controlModuleSchema) }),
  }),
  captionPicture: operation({
    method: 'post',
    path: '/captions',
    tag,
    changes: ['own work'],
    runs: true,
    form: true,
    summary: 'What a picture shows, in tags, by an ONNX tagger in models/annotators.',
    input: z.object({
      image: pictureText.meta({ label: 'Picture', control: 'image' }),
      captioner: z
        .string()
        .max(200)
        .optional()
        .describe('By name; the first one when left out.')
        .meta({ label: 'Captioner', control: 'text' }),
      threshold: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe('Least probability of a tag; the captioner’s own when left out.')
        .meta({ label: 'Threshold', control: 'slider', step: 0.05 }),
    }),
    output: z.object({
      captioner: z.string(),
      caption: z.string().describe('Tags with commas between them, the surest first.'),
      tags: z.array(z.object({ tag: z.string(), score: z.number() })),
    }),
  }),
  makeHint: operation({
    method: 'post',
    path: '/control/hint',
    tag,
    changes: ['own work'],
    runs: true,
    form: true,
    kind: 'file',
    media: 'image/png',
    summary: 'What a module makes of a picture, as a PNG.',
    input: z.object({
      image: pictureText,
      mask: pictureText.optional().describe('White is repainted, for modules that inpaint.'),
      module: z.string().max(200).describe('By name.'),
      resolution: z.int().min(64).max(4096).optional().describe('Shorter side at which it works; 512 usually.'),
      thresholdA: z.number().optional(),
      thresholdB: z.number().optional(),
    }),
  }),
};
