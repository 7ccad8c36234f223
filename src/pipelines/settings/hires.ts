/** Second passes: hires fix, and a refiner that takes over from the model. */

import { z } from 'zod';
import { entry, flagEntry, type InfotextFace, numberOf, type PictureFacts, setting, textEntry } from './setting.ts';

/** A model, sampler or schedule of the pass's own; `same` stands for the first pass's there. */
function ownFace(key: string, same: string): InfotextFace {
  return {
    ...textEntry(key),
    read: (parsed) => (parsed[key] === undefined || parsed[key] === same ? undefined : String(parsed[key])),
  };
}

function ownField(field: string, same: string) {
  return {
    field,
    kind: 'text',
    only: 'txt2img',
    read: (value: string) => (value === '' || value.toLowerCase() === same.toLowerCase() ? undefined : value),
  } as const;
}

const resizes = ({ request }: PictureFacts): boolean =>
  Number(request.hiresWidth ?? 0) > 0 || Number(request.hiresHeight ?? 0) > 0;

const resizeFace: InfotextFace = {
  keys: ['Hires resize'],
  write: (_value, facts) =>
    resizes(facts)
      ? [['Hires resize', `${Number(facts.request.hiresWidth ?? 0)}x${Number(facts.request.hiresHeight ?? 0)}`]]
      : [],
  read: (parsed) => numberOf(parsed['Hires resize-1']),
};

const form = { group: 'hires', level: 'full', when: 'hires' } as const;

export const hiresSettings = {
  hires: setting({
    type: z.boolean().default(false),
    help: 'Hires fix: draw small, enlarge, then draw again over it by the denoising strength.',
    form: { label: 'Hires fix', group: 'hires', level: 'simple', control: 'switch' },
    infotext: {
      keys: [],
      read: (parsed) =>
        ['Hires upscaler', 'Hires upscale', 'Hires resize-1'].some(
          (key) => parsed[key] !== undefined && parsed[key] !== 0,
        )
          ? true
          : undefined,
    },
    a1111: { field: 'enable_hr', only: 'txt2img' },
    idle: ({ request }) =>
      request.init && !request.hiresOnly ? 'it is for pictures from text, and there is one to start from' : undefined,
  }),
  hiresOnly: setting({
    type: z.boolean().default(false),
    help: 'Hires fix: take the picture to start from for what the first pass drew, and begin with enlarging it.',
    form: { label: 'Hires fix of the picture', group: 'hires', level: 'full', control: 'switch', when: 'init' },
    infotext: flagEntry('Hires only'),
    idle: ({ request }) => (request.hires ? undefined : 'hires fix is off'),
  }),
  hiresScale: setting({
    type: z.number().min(1).max(8).default(2),
    help: 'Hires fix: enlarge by this much.',
    form: { ...form, label: 'Upscale by', level: 'simple', control: 'slider', step: 0.05, usual: [1, 4] },
    infotext: {
      ...entry('Hires upscale'),
      write: (value, facts) => (resizes(facts) ? [] : [['Hires upscale', value as number]]),
    },
    a1111: { field: 'hr_scale', only: 'txt2img' },
  }),
  hiresWidth: setting({
    type: z.int().min(0).max(4096).default(0),
    help: 'Hires fix: width to enlarge to, in place of a factor; 0: by the height.',
    form: { ...form, label: 'Resize to width', control: 'number', step: 8 },
    infotext: resizeFace,
    a1111: { field: 'hr_resize_x', only: 'txt2img' },
  }),
  hiresHeight: setting({
    type: z.int().min(0).max(4096).default(0),
    help: 'Hires fix: height to enlarge to; 0: by the width. With both, what sticks out is cut off.',
    form: { ...form, label: 'Resize to height', control: 'number', step: 8 },
    infotext: { keys: ['Hires resize'], read: (parsed) => numberOf(parsed['Hires resize-2']) },
    a1111: { field: 'hr_resize_y', only: 'txt2img' },
  }),
  hiresTokenMerging: setting({
    type: z.number().min(0).max(0.9).default(0),
    help: 'Hires fix: token merging of the second pass; 0: that of the first.',
    form: { ...form, label: 'Hires token merging', control: 'slider', step: 0.05, usual: [0, 0.75] },
    infotext: entry('Token merging ratio hr', { unless: 0 }),
    a1111: { option: 'token_merging_ratio_hr', only: 'txt2img' },
  }),
  hiresUpscaler: setting({
    type: z.string().max(500).default('Latent'),
    help: 'Hires fix: how to enlarge; a mode for latents (Latent, Latent (bicubic) …), Lanczos, or an upscaler by name.',
    form: { ...form, label: 'Upscaler', level: 'simple', control: 'choice', choices: 'hiresUpscalers' },
    infotext: textEntry('Hires upscaler'),
    a1111: { field: 'hr_upscaler', only: 'txt2img' },
  }),
  hiresSteps: setting({
    type: z.int().min(0).max(1000).default(0),
    help: 'Hires fix: steps of the second pass; 0: as many as the first.',
    form: { ...form, label: 'Hires steps', control: 'slider', step: 1, usual: [0, 60] },
    infotext: entry('Hires steps', { unless: 0 }),
    a1111: { field: 'hr_second_pass_steps', only: 'txt2img' },
  }),
  hiresModel: setting({
    type: z.string().max(4096).optional(),
    help: 'Hires fix: checkpoint of the second pass; the same when left out.',
    form: { ...form, label: 'Hires checkpoint', control: 'choice', choices: 'checkpoints' },
    infotext: ownFace('Hires checkpoint', 'Use same checkpoint'),
    a1111: ownField('hr_checkpoint_name', 'Use same checkpoint'),
  }),
  hiresSampler: setting({
    type: z.string().max(200).optional(),
    help: 'Hires fix: sampler of the second pass; the same when left out.',
    form: { ...form, label: 'Hires sampler', control: 'choice', choices: 'samplers' },
    infotext: ownFace('Hires sampler', 'Use same sampler'),
    a1111: ownField('hr_sampler_name', 'Use same sampler'),
  }),
  hiresScheduler: setting({
    type: z.string().max(200).optional(),
    help: 'Hires fix: noise schedule of the second pass; the same when left out.',
    form: { ...form, label: 'Hires schedule', control: 'choice', choices: 'schedulers' },
    infotext: ownFace('Hires schedule type', 'Use same scheduler'),
    a1111: ownField('hr_scheduler', 'Use same scheduler'),
  }),
  hiresCfgScale: setting({
    type: z.number().min(0).max(100).default(0),
    help: 'Hires fix: CFG scale of the second pass; 0: the same.',
    form: { ...form, label: 'Hires CFG scale', control: 'slider', step: 0.5, usual: [0, 20] },
    infotext: entry('Hires CFG Scale', { unless: 0 }),
    a1111: { field: 'hr_cfg', only: 'txt2img' },
  }),
  hiresPrompt: setting({
    type: z.string().max(100_000).default(''),
    help: 'Hires fix: prompt of the second pass; the same when empty.',
    form: { ...form, label: 'Hires prompt', control: 'text' },
    infotext: textEntry('Hires prompt', { unless: '' }),
    a1111: { field: 'hr_prompt', only: 'txt2img' },
  }),
  hiresNegativePrompt: setting({
    type: z.string().max(100_000).default(''),
    help: 'Hires fix: negative prompt of the second pass; the same when empty.',
    form: { ...form, label: 'Hires negative prompt', control: 'text' },
    infotext: textEntry('Hires negative prompt', { unless: '' }),
    a1111: { field: 'hr_negative_prompt', only: 'txt2img' },
  }),
};

/** Which passes of hires fix a refiner takes over in, by A1111's words. */
const refinedPasses = ['first pass', 'second pass', 'both passes'] as const;

export const refinerSettings = {
  refiner: setting({
    type: z.string().max(4096).optional(),
    help: 'Checkpoint that takes over before the end, such as SDXL’s refiner.',
    form: { label: 'Refiner', group: 'hires', level: 'full', control: 'choice', choices: 'checkpoints' },
    infotext: ownFace('Refiner', 'None'),
    a1111: {
      field: 'refiner_checkpoint',
      kind: 'text',
      read: (value: string) => (/^(none)?$/i.test(value) ? undefined : value),
    },
  }),
  refinerSwitchAt: setting({
    type: z.number().min(0).max(1).default(0.8),
    help: 'Refiner: the part of the noise after which it takes over.',
    form: { label: 'Refiner switch at', group: 'hires', level: 'full', control: 'slider', step: 0.01, when: 'refiner' },
    infotext: entry('Refiner switch at'),
    a1111: { field: 'refiner_switch_at' },
  }),
  hiresRefiner: setting({
    type: z.enum(refinedPasses).default('second pass'),
    help: 'Refiner: with hires fix, the passes in which it takes over.',
    form: { label: 'Refiner in', group: 'hires', level: 'full', control: 'choice', when: 'refiner' },
    infotext: {
      ...textEntry('Hires refiner'),
      write: (value, { request }) =>
        request.hires && value !== 'second pass' ? [['Hires refiner', value as string]] : [],
    },
    a1111: { option: 'hires_fix_refiner_pass' },
    idle: ({ request }) => (request.hires ? undefined : 'there is one pass without hires fix'),
  }),
};
