/** Sampler, noise schedule, guidance and seeds. */

import { z } from 'zod';
import {
  entry,
  flagEntry,
  type InfotextFace,
  listed,
  numberOf,
  type PictureFacts,
  preferred,
  setting,
  textEntry,
} from './setting.ts';

const number = (label: string, step: number, usual?: readonly [number, number]) =>
  ({ label, group: 'sampling', level: 'full', control: usual ? 'slider' : 'number', step, usual }) as const;

function ownSchedule({ sampler, scheduler }: PictureFacts): string | undefined {
  return scheduler === undefined ? `the sampler ${sampler.name} has a schedule of its own` : undefined;
}

/** A1111 has two keys and two options: one of the samplers on timesteps (DDIM), one of all others. */
const etaFace: InfotextFace = {
  keys: ['Eta', 'Eta DDIM'],
  write: (value, { sampler }) =>
    value === undefined ? [] : [[sampler.space === 'vp' ? 'Eta DDIM' : 'Eta', value as number]],
  read: (parsed) => numberOf(parsed['Eta'] ?? parsed['Eta DDIM']),
};

export const samplingSettings = {
  sampler: preferred({
    type: z.string().max(200).default('DPM++ 2M'),
    help: 'Sampling method.',
    form: { label: 'Sampler', group: 'sampling', level: 'simple', control: 'choice', choices: 'samplers' },
    infotext: {
      ...textEntry('Sampler'),
      write: (_value, { sampler }) => [['Sampler', sampler.name]],
    },
    a1111: { field: 'sampler_name', fallback: 'Euler' },
    openai: 'sampler',
  }),
  scheduler: preferred({
    type: z.string().max(200).default('Automatic'),
    help: 'Noise schedule; Automatic takes the sampler’s own.',
    form: { label: 'Scheduler', group: 'sampling', level: 'simple', control: 'choice', choices: 'schedulers' },
    infotext: {
      ...textEntry('Schedule type'),
      write: (_value, { scheduler }) => [['Schedule type', scheduler?.name]],
    },
    a1111: { field: 'scheduler' },
    openai: 'scheduler',
    idle: ownSchedule,
  }),
  steps: preferred({
    type: z.int().min(1).max(1000).default(20),
    help: 'Sampling steps.',
    form: { label: 'Steps', group: 'sampling', level: 'simple', control: 'slider', step: 1, usual: [1, 60] },
    infotext: entry('Steps'),
    a1111: { field: 'steps', fallback: 50 },
    openai: 'steps',
  }),
  eta: setting({
    type: z.number().min(0).max(1).optional(),
    help: 'Share of fresh noise in ancestral and SDE samplers (1 when left out) and DDIM (0 when left out).',
    form: number('Eta', 0.01, [0, 1]),
    infotext: etaFace,
    samplerOption: 'eta',
    a1111: { field: 'eta' },
  }),
  sChurn: setting({
    type: z.number().min(0).max(100).default(0),
    help: 'Noise that Euler, Heun and DPM2 add on the way, over all steps.',
    form: number('Sigma churn', 0.01, [0, 40]),
    infotext: entry('Sigma churn', { unless: 0 }),
    samplerOption: 'sChurn',
    a1111: { field: 's_churn', option: 's_churn', optionWins: true },
  }),
  sTmin: setting({
    type: z.number().min(0).max(1000).default(0),
    help: 'Churn acts from this noise level up.',
    form: number('Sigma tmin', 0.01, [0, 10]),
    infotext: entry('Sigma tmin', { unless: 0 }),
    samplerOption: 'sTmin',
    a1111: { field: 's_tmin', option: 's_tmin', optionWins: true },
  }),
  sTmax: setting({
    type: z.number().min(0).max(1000).default(0),
    help: 'Churn acts up to this noise level; 0: all.',
    form: number('Sigma tmax', 0.01, [0, 999]),
    infotext: entry('Sigma tmax', { unless: 0 }),
    samplerOption: 'sTmax',
    a1111: { field: 's_tmax', option: 's_tmax', optionWins: true },
  }),
  sNoise: setting({
    type: z.number().min(0).max(10).default(1),
    help: 'Factor on the noise that samplers add on the way.',
    form: number('Sigma noise', 0.001, [0, 1.1]),
    infotext: entry('Sigma noise', { unless: 1 }),
    samplerOption: 'sNoise',
    a1111: { field: 's_noise', option: 's_noise', optionWins: true },
  }),
  sigmaMin: setting({
    type: z.number().min(0).max(1000).default(0),
    help: 'Smallest noise level of the schedule; 0: the model’s own.',
    form: number('Schedule min sigma', 0.001),
    infotext: entry('Schedule min sigma', { unless: 0 }),
    a1111: { option: 'sigma_min' },
    scheduleOption: 'sigmaMin',
  }),
  sigmaMax: setting({
    type: z.number().min(0).max(1000).default(0),
    help: 'Largest noise level of the schedule; 0: the model’s own.',
    form: number('Schedule max sigma', 0.01),
    infotext: entry('Schedule max sigma', { unless: 0 }),
    a1111: { option: 'sigma_max' },
    scheduleOption: 'sigmaMax',
  }),
  rho: setting({
    type: z.number().min(0).max(100).default(0),
    help: 'Curvature of Karras and Polyexponential schedules; 0: their own (7 and 1).',
    form: number('Schedule rho', 0.1),
    infotext: entry('Schedule rho', { unless: 0 }),
    a1111: { option: 'rho' },
    scheduleOption: 'rho',
  }),
  betaAlpha: setting({
    type: z.number().min(0.01).max(10).default(0.6),
    help: 'Shape of the Beta schedule where noise is high.',
    form: number('Beta alpha', 0.01, [0.1, 2]),
    infotext: entry('Beta schedule alpha', { unless: 0.6 }),
    scheduleOption: 'betaShape',
    a1111: { option: 'beta_dist_alpha' },
  }),
  betaBeta: setting({
    type: z.number().min(0.01).max(10).default(0.6),
    help: 'Shape of the Beta schedule where noise is low.',
    form: number('Beta beta', 0.01, [0.1, 2]),
    infotext: entry('Beta schedule beta', { unless: 0.6 }),
    scheduleOption: 'betaShape',
    a1111: { option: 'beta_dist_beta' },
  }),
  discardPenultimateSigma: setting({
    type: z.boolean().default(false),
    help: 'Leave out the last noise level but one with every sampler.',
    form: { label: 'Discard penultimate sigma', group: 'sampling', level: 'full', control: 'switch' },
    infotext: flagEntry('Discard penultimate sigma'),
    a1111: { option: 'always_discard_next_to_last_sigma' },
    idle: ownSchedule,
  }),
  sgmNoiseMultiplier: setting({
    type: z.boolean().default(false),
    help: 'Start from noise of sqrt(1 + sigma²), as Stability’s own code does.',
    form: { label: 'SGM noise multiplier', group: 'sampling', level: 'full', control: 'switch' },
    infotext: flagEntry('SGM noise multiplier'),
    a1111: { option: 'sgm_noise_multiplier' },
    idle: ({ sampler, request }) => {
      if (request.init !== undefined) return 'the picture starts from another';
      return sampler.space === 'sigma' ? undefined : `the sampler ${sampler.name} starts from unit noise`;
    },
  }),
  noiseSchedule: setting({
    type: z.enum(['Default', 'Zero Terminal SNR']).default('Default'),
    help: 'Noise levels: the model’s own, or rescaled so that the first step starts from noise alone.',
    form: { label: 'Noise schedule', group: 'sampling', level: 'full', control: 'choice' },
    infotext: textEntry('Noise Schedule', { unless: 'Default' }),
    a1111: { option: 'sd_noise_schedule' },
  }),
  downcastAlphas: setting({
    type: z.boolean().default(false),
    help: 'Noise levels in half precision, as A1111 had them before 1.7.',
    form: { label: 'Noise levels in halves', group: 'sampling', level: 'full', control: 'switch' },
    infotext: flagEntry('Downcast alphas_cumprod'),
    a1111: { option: 'use_downcasted_alpha_bar' },
    idle: ({ request }) =>
      request.noiseSchedule === 'Zero Terminal SNR' ? 'halves cannot hold levels up to noise alone' : undefined,
  }),
  wholeTimesteps: setting({
    type: z.boolean().default(false),
    help: 'Tell the network the nearest whole timestep (A1111’s quantization in K samplers).',
    form: { label: 'Whole timesteps', group: 'sampling', level: 'full', control: 'switch' },
    infotext: flagEntry('Whole timesteps'),
    a1111: { option: 'enable_quantization' },
    idle: ({ sampler }) =>
      sampler.space === 'sigma' ? undefined : `the sampler ${sampler.name} takes whole timesteps anyway`,
  }),
  unipcOrder: setting({
    type: z.int().min(1).max(3).default(3),
    help: 'Order of UniPC.',
    form: number('UniPC order', 1, [1, 3]),
    infotext: entry('UniPC order', { unless: 3 }),
    samplerOption: 'order',
    a1111: { option: 'uni_pc_order' },
  }),
  unipcVariant: setting({
    type: z.enum(['bh1', 'bh2', 'vary_coeff']).default('bh1'),
    help: 'B(h) of UniPC, or coefficients that vary.',
    form: { label: 'UniPC variant', group: 'sampling', level: 'full', control: 'choice' },
    infotext: textEntry('UniPC variant', { unless: 'bh1' }),
    samplerOption: 'variant',
    a1111: { option: 'uni_pc_variant' },
  }),
  unipcSkipType: setting({
    type: z.enum(['time_uniform', 'time_quadratic', 'logSNR']).default('time_uniform'),
    help: 'Spacing of UniPC’s steps: in time, in its square root, or in ln sigma.',
    form: { label: 'UniPC skip type', group: 'sampling', level: 'full', control: 'choice' },
    infotext: textEntry('UniPC skip type', { unless: 'time_uniform' }),
    samplerOption: 'skipType',
    a1111: { option: 'uni_pc_skip_type' },
  }),
  unipcLowerOrderFinal: setting({
    type: z.boolean().default(true),
    help: 'Lower orders for UniPC’s last steps.',
    form: { label: 'UniPC lower order final', group: 'sampling', level: 'full', control: 'switch' },
    infotext: {
      ...flagEntry('UniPC lower order final'),
      write: (value) => (value === false ? [['UniPC lower order final', false]] : []),
    },
    samplerOption: 'lowerOrderFinal',
    a1111: { option: 'uni_pc_lower_order_final' },
  }),
};

export const guidanceSettings = {
  cfgScale: preferred({
    type: z.number().min(0).max(100).default(7),
    help: 'How strongly to follow the prompt (1 = no guidance).',
    form: {
      label: 'Guidance (CFG scale)',
      group: 'guidance',
      level: 'simple',
      control: 'slider',
      step: 0.5,
      usual: [1, 20],
    },
    infotext: entry('CFG scale'),
    a1111: { field: 'cfg_scale' },
    openai: 'cfg_scale',
  }),
  imageCfgScale: setting({
    type: z.number().min(0).max(100).default(1.5),
    help: 'InstructPix2Pix: how closely to keep to the picture.',
    form: {
      label: 'Image CFG scale',
      group: 'guidance',
      level: 'full',
      control: 'slider',
      step: 0.05,
      usual: [0, 3],
      when: 'init',
    },
    infotext: entry('Image CFG scale'),
    a1111: { field: 'image_cfg_scale', only: 'img2img' },
    idle: ({ readsPicture }) => (readsPicture ? undefined : 'the model is no InstructPix2Pix'),
  }),
  cfgRescale: setting({
    type: z.number().min(0).max(1).default(0),
    help: 'Bring guided predictions back towards the contrast of unguided ones (Lin et al. 2023).',
    form: { label: 'CFG rescale', group: 'guidance', level: 'full', control: 'slider', step: 0.05 },
    infotext: entry('CFG rescale', { unless: 0 }),
    openai: 'cfg_rescale',
  }),
  dynamicThreshold: setting({
    type: z.number().min(0).max(1).default(0),
    help: 'Dynamic thresholding: bound guided estimates at this quantile of theirs; 0: off, 0.995 is usual.',
    form: { label: 'Dynamic threshold', group: 'guidance', level: 'full', control: 'slider', step: 0.005 },
    infotext: {
      keys: ['Dynamic thresholding enabled', 'Threshold percentile'],
      write: (value) =>
        value
          ? [
              ['Dynamic thresholding enabled', 'True'],
              ['Threshold percentile', 100 * (value as number)],
            ]
          : [],
      read: (parsed) => {
        if (parsed['Dynamic thresholding enabled'] !== 'True') return undefined;
        return Number(parsed['Threshold percentile'] ?? 100) / 100;
      },
    },
  }),
  mimicScale: setting({
    type: z.number().min(0).max(100).default(7),
    help: 'Dynamic thresholding: the guidance whose contrast is kept.',
    form: {
      label: 'Mimic scale',
      group: 'guidance',
      level: 'full',
      control: 'slider',
      step: 0.5,
      usual: [1, 20],
      when: 'dynamicThreshold',
    },
    infotext: {
      ...entry('Mimic scale'),
      write: (value, { request }) => (request.dynamicThreshold ? [['Mimic scale', value as number]] : []),
    },
  }),
  skipEarlyCond: setting({
    type: z.number().min(0).max(1).default(0),
    help: 'Leave the negative prompt out for this share of the steps at the start; 0: off.',
    form: { label: 'Skip early CFG', group: 'guidance', level: 'full', control: 'slider', step: 0.01 },
    infotext: entry('Skip Early CFG', { unless: 0 }),
    a1111: { option: 'skip_early_cond' },
  }),
  guidanceEnd: setting({
    type: z.number().min(0).max(1).default(1),
    help: 'Leave the negative prompt out from this share of the steps on, which is faster; 1: never.',
    form: { label: 'CFG end', group: 'guidance', level: 'full', control: 'slider', step: 0.05 },
    infotext: entry('CFG end', { unless: 1 }),
  }),
  sagScale: setting({
    type: z.number().min(0).max(100).default(0),
    help: 'Self-attention guidance: leads away from what is blurred where the network looks, for one pass more a step; 0: off.',
    form: { label: 'SAG scale', group: 'guidance', level: 'full', control: 'slider', step: 0.05, usual: [0, 2] },
    infotext: entry('SAG scale', { unless: 0 }),
  }),
  pagScale: setting({
    type: z.number().min(0).max(100).default(0),
    help: 'Perturbed-attention guidance: leads away from pictures without structure, for one pass more a step; 0: off.',
    form: { label: 'PAG scale', group: 'guidance', level: 'full', control: 'slider', step: 0.5, usual: [0, 10] },
    infotext: entry('PAG scale', { unless: 0 }),
  }),
  hyperTile: setting({
    type: z.int().min(0).max(2048).default(0),
    help: 'HyperTile: self-attention within tiles of at least so many pixels, which is faster for large pictures; 0: off, 256 is usual.',
    form: { label: 'HyperTile', group: 'advanced', level: 'full', control: 'slider', step: 32, usual: [0, 512] },
    infotext: {
      keys: ['Hypertile U-Net', 'Hypertile U-Net tile size'],
      write: (value) =>
        value
          ? [
              ['Hypertile U-Net', true],
              ['Hypertile U-Net tile size', value as number],
            ]
          : [],
      read: (parsed) =>
        String(parsed['Hypertile U-Net']) === 'True' ? numberOf(parsed['Hypertile U-Net tile size'] ?? 256) : undefined,
    },
    a1111: {
      option: 'hypertile_enable_unet',
      kind: 'bool',
      read: (on: boolean) => (on ? 256 : 0),
      write: (tile: number) => tile > 0,
    },
  }),
  tokenMerging: setting({
    type: z.number().min(0).max(0.9).default(0),
    help: 'Token merging (ToMe): the part of tokens that attention at the finest level joins with their likes, which is faster for large pictures and less exact; 0: off, up to 0.5 is usual.',
    form: { label: 'Token merging', group: 'advanced', level: 'full', control: 'slider', step: 0.05, usual: [0, 0.75] },
    infotext: entry('Token merging ratio', { unless: 0 }),
    a1111: { option: 'token_merging_ratio', img2imgOption: 'token_merging_ratio_img2img' },
  }),
  stepCache: setting({
    type: z.int().min(1).max(10).default(1),
    help: 'Step cache (DeepCache): run the deep part of the U-Net every so many steps only, which is faster and less exact; 1: off, 2 or 3 are usual.',
    form: { label: 'Step cache', group: 'advanced', level: 'full', control: 'slider', step: 1, usual: [1, 5] },
    infotext: entry('DeepCache interval', { unless: 1 }),
    idle: ({ request }) =>
      request.sagScale ? 'self-attention guidance looks into the part that it leaves out' : undefined,
  }),
  freeUB1: setting({
    type: z.number().min(0).max(10).default(1),
    help: 'FreeU: factor on half the channels from below in the first up block; 1: off.',
    form: {
      label: 'FreeU backbone 1',
      group: 'guidance',
      level: 'full',
      control: 'slider',
      step: 0.05,
      usual: [0.5, 2],
    },
    infotext: entry('FreeU b1', { unless: 1 }),
  }),
  freeUB2: setting({
    type: z.number().min(0).max(10).default(1),
    help: 'The same in the second up block.',
    form: {
      label: 'FreeU backbone 2',
      group: 'guidance',
      level: 'full',
      control: 'slider',
      step: 0.05,
      usual: [0.5, 2],
    },
    infotext: entry('FreeU b2', { unless: 1 }),
  }),
  freeUS1: setting({
    type: z.number().min(0).max(10).default(1),
    help: 'FreeU: factor on the lowest frequencies of skips in the first up block; 1: off.',
    form: { label: 'FreeU skip 1', group: 'guidance', level: 'full', control: 'slider', step: 0.05, usual: [0, 2] },
    infotext: entry('FreeU s1', { unless: 1 }),
  }),
  freeUS2: setting({
    type: z.number().min(0).max(10).default(1),
    help: 'The same in the second up block.',
    form: { label: 'FreeU skip 2', group: 'guidance', level: 'full', control: 'slider', step: 0.05, usual: [0, 2] },
    infotext: entry('FreeU s2', { unless: 1 }),
  }),
  sMinUncond: setting({
    type: z.number().min(0).max(1000).default(0),
    help: 'Below this noise level every second step leaves the negative prompt out, which is faster; 0: off.',
    form: {
      label: 'Negative guidance minimum sigma',
      group: 'guidance',
      level: 'full',
      control: 'slider',
      step: 0.01,
      usual: [0, 15],
    },
    infotext: entry('NGMS', { unless: 0 }),
    a1111: { field: 's_min_uncond', option: 's_min_uncond' },
  }),
  sMinUncondAll: setting({
    type: z.boolean().default(false),
    help: 'Leave the negative prompt out at every step below that noise level.',
    form: { label: 'At every step', group: 'guidance', level: 'full', control: 'switch', when: 'sMinUncond' },
    infotext: flagEntry('NGMS all steps'),
    a1111: { option: 's_min_uncond_all' },
  }),
};

/** PyTorch's CPU stream and CUDA's Philox. A1111's own default, GPU, is the latter on the machines it runs on. */
const randomSources = { cpu: 'CPU', gpu: 'NV' } as const;

export const seedSettings = {
  seed: listed({
    type: z.int().min(-1).max(Number.MAX_SAFE_INTEGER).default(-1),
    help: 'First seed; -1 draws one.',
    form: { label: 'Seed', group: 'seed', level: 'simple', control: 'seed' },
    infotext: { ...entry('Seed'), write: (_value, { seed }) => [['Seed', seed]] },
    a1111: { field: 'seed' },
    openai: 'seed',
  }),
  subseed: setting({
    type: z.int().min(-1).max(Number.MAX_SAFE_INTEGER).default(-1),
    help: 'Variation seed; -1 draws one.',
    form: { label: 'Variation seed', group: 'seed', level: 'full', control: 'seed' },
    infotext: {
      ...entry('Variation seed'),
      write: (_value, { variationSeed, request }) =>
        Number(request.subseedStrength ?? 0) === 0 ? [] : [['Variation seed', variationSeed]],
    },
    a1111: { field: 'subseed' },
  }),
  subseedStrength: setting({
    type: z.number().min(0).max(1).default(0),
    help: 'How far to move towards the variation seed.',
    form: { label: 'Variation strength', group: 'seed', level: 'full', control: 'slider', step: 0.01 },
    infotext: entry('Variation seed strength', { unless: 0 }),
    a1111: { field: 'subseed_strength' },
  }),
  seedResizeFromWidth: setting({
    type: z.int().min(0).max(4096).default(0),
    help: 'Keep the composition that the seed has at this width; 0: off.',
    form: { label: 'Resize seed from width', group: 'seed', level: 'full', control: 'number', step: 8 },
    infotext: seedResizeFace(),
    a1111: seedResizeField('seed_resize_from_w'),
  }),
  seedResizeFromHeight: setting({
    type: z.int().min(0).max(4096).default(0),
    help: 'Keep the composition that the seed has at this height; 0: off.',
    form: { label: 'Resize seed from height', group: 'seed', level: 'full', control: 'number', step: 8 },
    infotext: { keys: ['Seed resize from'], read: (parsed) => numberOf(parsed['Seed resize from-2']) },
    a1111: seedResizeField('seed_resize_from_h'),
  }),
  randomSource: setting({
    type: z.enum(['cpu', 'gpu']).default('cpu'),
    help: 'Noise stream: PyTorch’s CPU or CUDA’s Philox.',
    form: { label: 'Noise source', group: 'seed', level: 'full', control: 'choice' },
    infotext: {
      keys: ['RNG'],
      write: (value) => [['RNG', randomSources[value as 'cpu' | 'gpu']]],
      read: (parsed) => (parsed['RNG'] === undefined ? undefined : parsed['RNG'] === 'CPU' ? 'cpu' : 'gpu'),
    },
    a1111: {
      option: 'randn_source',
      optionDefault: 'GPU',
      kind: 'text',
      read: (value: string) => (value === 'CPU' ? 'cpu' : 'gpu'),
    },
  }),
  etaNoiseSeedDelta: setting({
    type: z.int().min(0).max(0xff_ff_ff_ff).default(0),
    help: 'Added to the seed for the noise of ancestral samplers (31337 for NovelAI’s pictures).',
    form: { label: 'Eta noise seed delta', group: 'seed', level: 'full', control: 'number', step: 1 },
    infotext: entry('ENSD', { unless: 0 }),
    a1111: { option: 'eta_noise_seed_delta' },
    idle: ({ sampler }) => (sampler.usesSeedDelta ? undefined : `the sampler ${sampler.name} does not use it`),
  }),
};

function seedResizeFace(): InfotextFace {
  return {
    keys: ['Seed resize from'],
    write: (value, { request }) => {
      const [width, height] = [Number(value ?? 0), Number(request.seedResizeFromHeight ?? 0)];
      return width > 0 && height > 0 ? [['Seed resize from', `${width}x${height}`]] : [];
    },
    read: (parsed) => numberOf(parsed['Seed resize from-1']),
  };
}

/** Off is -1 there. */
function seedResizeField(field: string) {
  return {
    field,
    kind: 'int',
    fallback: -1,
    read: (value: number) => Math.max(value, 0),
    write: (value: number) => (value > 0 ? value : -1),
  } as const;
}
