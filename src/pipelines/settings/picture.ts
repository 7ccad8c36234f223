/** How large and how many, and what a picture starts from. */

import { z } from 'zod';
import { entry, flagEntry, type InfotextFace, numberOf, type PictureFacts, setting, textEntry } from './setting.ts';

/** Upper bound of one side, in pixels: beyond it a request is a mistake, not a wish. */
export const minSide = 64;
export const maxSide = 4096;

/** What sides are multiples of is the model's to say. */
const side = z.int().min(minSide).max(maxSide);

export const pictureSettings = {
  width: setting({
    type: side.optional(),
    help: 'Width in pixels, a multiple of 8 for most models; the model’s own when left out.',
    form: { label: 'Width', group: 'picture', level: 'simple', control: 'size' },
    infotext: {
      keys: ['Size'],
      write: (_value, { size }) => [['Size', `${size.width}x${size.height}`]],
      read: (parsed) => numberOf(parsed['Size-1']),
    },
    a1111: { field: 'width' },
  }),
  height: setting({
    type: side.optional(),
    help: 'Height in pixels, a multiple of 8 for most models; the model’s own when left out.',
    form: { label: 'Height', group: 'picture', level: 'simple', control: 'size' },
    infotext: { keys: ['Size'], read: (parsed) => numberOf(parsed['Size-2']) },
    a1111: { field: 'height' },
  }),
  batchSize: setting({
    type: z.int().min(1).max(64).default(1),
    help: 'Pictures made at once.',
    form: { label: 'Batch size', group: 'picture', level: 'full', control: 'number', step: 1 },
    a1111: { field: 'batch_size' },
  }),
  batchCount: setting({
    type: z.int().min(1).max(1000).default(1),
    help: 'Batches made one after the other.',
    form: { label: 'Pictures', group: 'picture', level: 'simple', control: 'number', step: 1 },
    a1111: { field: 'n_iter' },
  }),
};

/**
 * A1111's modes in the order of its numbers.
 * @internal For the test of the document of features.
 */
export const resizeModes = [
  'Just resize',
  'Crop and resize',
  'Resize and fill',
  'Just resize (latent upscale)',
] as const;

const ofSecondPass = ({ request }: PictureFacts): string | undefined =>
  request.hires && request.hiresOnly ? 'hires fix enlarges the picture' : undefined;

export const startSettings = {
  denoisingStrength: setting({
    type: z.number().min(0).max(1).default(0.75),
    help: 'Picture to picture and hires fix: how much may change.',
    form: {
      label: 'Strength',
      group: 'start',
      level: 'simple',
      control: 'slider',
      step: 0.01,
      when: ['init', 'hires'],
    },
    infotext: entry('Denoising strength'),
    a1111: { field: 'denoising_strength' },
    openai: 'strength',
    flag: 'strength',
  }),
  resizeMode: setting({
    type: z.enum(resizeModes).default('Crop and resize'),
    help: 'Picture to picture: how a picture of another shape becomes the size that is painted.',
    form: { label: 'Resize mode', group: 'start', level: 'full', control: 'choice', when: 'init' },
    infotext: textEntry('Resize mode', { unless: 'Crop and resize' }),
    a1111: {
      field: 'resize_mode',
      kind: 'int',
      only: 'img2img',
      fallback: 0,
      read: (value: number) => resizeModes[Math.min(Math.max(value, 0), resizeModes.length - 1)]!,
      write: (value: string) => resizeModes.findIndex((mode) => mode === value),
    },
    idle: ofSecondPass,
  }),
  exactSteps: setting({
    type: z.boolean().default(false),
    help: 'Picture to picture: take as many steps as asked for, whatever the strength.',
    form: { label: 'Exact steps', group: 'start', level: 'full', control: 'switch', when: 'init' },
    infotext: flagEntry('Exact steps'),
    a1111: { option: 'img2img_fix_steps' },
    idle: ofSecondPass,
  }),
  colorCorrection: setting({
    type: z.boolean().default(false),
    help: 'Picture to picture: bring the colours back to those of the picture it starts from.',
    form: { label: 'Colour correction', group: 'start', level: 'full', control: 'switch', when: 'init' },
    infotext: flagEntry('Color correction'),
    a1111: { option: 'img2img_color_correction' },
    idle: ofSecondPass,
  }),
  noiseMultiplier: setting({
    type: z.number().min(0).max(10).default(1),
    help: 'Picture to picture: factor on the noise that is added to it.',
    form: {
      label: 'Noise multiplier',
      group: 'start',
      level: 'full',
      control: 'slider',
      step: 0.01,
      usual: [0, 1.5],
      when: 'init',
    },
    infotext: entry('Noise multiplier', { unless: 1 }),
    a1111: { field: 'initial_noise_multiplier', option: 'initial_noise_multiplier', only: 'img2img' },
  }),
  extraNoise: setting({
    type: z.number().min(0).max(10).default(0),
    help: 'Picture to picture and hires fix: so much more noise than the sampler expects, which it makes detail of.',
    form: {
      label: 'Extra noise',
      group: 'start',
      level: 'full',
      control: 'slider',
      step: 0.01,
      usual: [0, 1],
      when: ['init', 'hires'],
    },
    infotext: entry('Extra noise', { unless: 0 }),
    a1111: { option: 'img2img_extra_noise' },
  }),
};

/** Ours and A1111's names of what may lie under a mask, in the order of its numbers. */
const maskedContents = [
  ['fill', 'fill'],
  ['original', 'original'],
  ['noise', 'latent noise'],
  ['nothing', 'latent nothing'],
] as const;

const contentFace: InfotextFace = {
  keys: ['Masked content'],
  write: (value) => [['Masked content', maskedContents.find(([ours]) => ours === value)?.[1]]],
  read: (parsed) => maskedContents.find(([, theirs]) => theirs === parsed['Masked content'])?.[0],
};

export const inpaintSettings = {
  maskedContent: setting({
    type: z.enum(['original', 'noise', 'fill', 'nothing']).default('original'),
    help: 'What is under the mask at the start.',
    form: { label: 'Masked content', group: 'inpaint', level: 'full', control: 'choice', when: 'mask' },
    infotext: contentFace,
    a1111: {
      field: 'inpainting_fill',
      kind: 'int',
      only: 'img2img',
      fallback: 0,
      read: (value: number) => maskedContents[Math.min(Math.max(value, 0), maskedContents.length - 1)]![0],
      write: (value: string) => maskedContents.findIndex(([ours]) => ours === value),
    },
  }),
  maskInvert: setting({
    type: z.boolean().default(false),
    help: 'Repaint what is not masked.',
    form: { label: 'Repaint the rest', group: 'inpaint', level: 'full', control: 'switch', when: 'mask' },
    infotext: {
      keys: ['Mask mode'],
      write: (value) => (value === true ? [['Mask mode', 'Inpaint not masked']] : []),
      read: (parsed) => (parsed['Mask mode'] === undefined ? undefined : parsed['Mask mode'] === 'Inpaint not masked'),
    },
    a1111: {
      field: 'inpainting_mask_invert',
      kind: 'int',
      only: 'img2img',
      read: (value: number) => value !== 0,
      write: Number,
    },
  }),
  inpaintArea: setting({
    type: z.enum(['Whole picture', 'Only masked']).default('Whole picture'),
    help: 'Paint the whole picture, or the masked area alone at the full size.',
    form: { label: 'Inpaint area', group: 'inpaint', level: 'simple', control: 'choice', when: 'mask' },
    infotext: {
      keys: ['Inpaint area'],
      write: (value) => (value === 'Only masked' ? [['Inpaint area', value]] : []),
      read: (parsed) => parsed['Inpaint area'],
    },
    a1111: {
      field: 'inpaint_full_res',
      kind: 'bool',
      only: 'img2img',
      fallback: true,
      read: (value: boolean) => (value ? 'Only masked' : 'Whole picture'),
      write: (value: string) => value === 'Only masked',
    },
  }),
  inpaintPadding: setting({
    type: z.int().min(0).max(1024).default(32),
    help: 'Only masked: how much around the mask is seen, in pixels.',
    form: {
      label: 'Padding',
      group: 'inpaint',
      level: 'full',
      control: 'slider',
      step: 4,
      usual: [0, 256],
      when: 'mask',
    },
    infotext: {
      keys: ['Masked area padding'],
      write: (value, { request }) =>
        request.inpaintArea === 'Only masked' ? [['Masked area padding', value as number]] : [],
      read: (parsed) => numberOf(parsed['Masked area padding']),
    },
    a1111: { field: 'inpaint_full_res_padding', only: 'img2img', fallback: 0 },
    idle: ({ request }) => (request.inpaintArea === 'Only masked' ? undefined : 'the whole picture is painted'),
  }),
  maskBlur: setting({
    type: z.number().min(0).max(64).default(4),
    help: 'Inpainting: blur of the mask’s edge, in pixels.',
    form: { label: 'Mask blur', group: 'inpaint', level: 'simple', control: 'slider', step: 1, when: 'mask' },
    infotext: entry('Mask blur'),
    a1111: { field: 'mask_blur', only: 'img2img' },
  }),
};

export const maskSettings = {
  maskBlurY: setting({
    type: z.number().min(0).max(64).optional(),
    help: 'Inpainting: blur of the mask’s edge from top to bottom, where it differs.',
    form: { label: 'Mask blur, vertical', group: 'inpaint', level: 'full', control: 'number', step: 1, when: 'mask' },
    infotext: entry('Mask blur y'),
    a1111: { field: 'mask_blur_y', only: 'img2img' },
  }),
  maskRound: setting({
    type: z.boolean().default(true),
    help: 'Inpainting: each cell of the latent is repainted or kept; off: also in part, as the mask’s edge has it.',
    form: { label: 'Round the mask', group: 'inpaint', level: 'full', control: 'switch', when: 'mask' },
    infotext: flagEntry('Mask rounding', { unless: true }),
    a1111: { field: 'mask_round', only: 'img2img' },
  }),
  conditionalMaskWeight: setting({
    type: z.number().min(0).max(1).default(1),
    help: 'Networks made for inpainting: how far what is masked is hidden from them; at 0 they see the whole picture.',
    form: {
      label: 'Conditional mask weight',
      group: 'inpaint',
      level: 'full',
      control: 'slider',
      step: 0.05,
      when: 'mask',
    },
    infotext: entry('Conditional mask weight', { unless: 1 }),
    a1111: { option: 'inpainting_mask_weight' },
    idle: ({ readsMask }) => (readsMask ? undefined : 'the model is not made for inpainting'),
  }),
  overlayOriginal: setting({
    type: z.boolean().default(true),
    help: 'Lay the original over what was not masked; off: the picture as the model made it, of Only masked the area alone.',
    form: { label: 'Overlay original', group: 'inpaint', level: 'full', control: 'switch', when: 'mask' },
    infotext: flagEntry('Overlay original', { unless: true }),
    a1111: { option: 'overlay_inpaint' },
  }),
};

/** What the networks of some models are told of the picture. */
const told = (label: string, step: number, usual: readonly [number, number]) =>
  ({ label, group: 'advanced', level: 'full', control: 'slider', step, usual }) as const;
const unread =
  (name: string) =>
  ({ reads }: PictureFacts): string | undefined =>
    reads === undefined || reads.has(name) ? undefined : 'the model is not told of it';

export const advancedSettings = {
  cropTop: setting({
    type: z.int().min(0).max(8192).default(0),
    help: 'SDXL: rows that the picture is said to have lost above; 0 keeps things whole.',
    form: told('Crop top', 1, [0, 1024]),
    infotext: entry('Crop top', { unless: 0 }),
    a1111: { option: 'sdxl_crop_top' },
    idle: unread('cropTop'),
  }),
  cropLeft: setting({
    type: z.int().min(0).max(8192).default(0),
    help: 'SDXL: columns that the picture is said to have lost on the left.',
    form: told('Crop left', 1, [0, 1024]),
    infotext: entry('Crop left', { unless: 0 }),
    a1111: { option: 'sdxl_crop_left' },
    idle: unread('cropLeft'),
  }),
  aestheticScore: setting({
    type: z.number().min(0).max(10).default(6),
    help: 'SDXL refiner: how good the picture is to look.',
    form: told('Aesthetic score', 0.1, [0, 10]),
    infotext: entry('Aesthetic score', { unless: 6 }),
    a1111: { option: 'sdxl_refiner_high_aesthetic_score' },
    idle: unread('aestheticScore'),
  }),
  negativeAestheticScore: setting({
    type: z.number().min(0).max(10).default(2.5),
    help: 'SDXL refiner: how good what it is not to be like looks.',
    form: told('Negative aesthetic score', 0.1, [0, 10]),
    infotext: entry('Negative aesthetic score', { unless: 2.5 }),
    a1111: { option: 'sdxl_refiner_low_aesthetic_score' },
    idle: unread('negativeAestheticScore'),
  }),
  tiling: setting({
    type: z.boolean().default(false),
    help: 'A picture whose edges meet.',
    form: { label: 'Tiling', group: 'advanced', level: 'full', control: 'switch' },
    infotext: flagEntry('Tiling'),
    a1111: { field: 'tiling', option: 'tiling' },
  }),
  tilingAxes: setting({
    type: z.enum(['both', 'horizontal', 'vertical']).default('both'),
    help: 'Tiling: which edges meet; horizontal means left and right.',
    form: { label: 'Tiling axes', group: 'advanced', level: 'full', control: 'choice', when: 'tiling' },
    infotext: textEntry('Tiling axes', { unless: 'both' }),
  }),
  restoreFaces: setting({
    type: z.boolean().default(false),
    help: 'Draw the faces of finished pictures anew by a network of yours.',
    form: { label: 'Restore faces', group: 'advanced', level: 'full', control: 'switch' },
    infotext: {
      keys: ['Face restoration'],
      write: (value, { request }) => (value === true ? [['Face restoration', String(request.faceRestorer)]] : []),
      read: (parsed) => parsed['Face restoration'] !== undefined || undefined,
    },
    a1111: { field: 'restore_faces', option: 'face_restoration' },
  }),
  faceRestorer: setting({
    type: z.string().max(500).default('CodeFormer'),
    help: 'By which: the name of an ONNX file in the folder facerestore_models, or a part of it.',
    form: { label: 'Restorer of faces', group: 'advanced', level: 'full', control: 'text', when: 'restoreFaces' },
    infotext: {
      keys: ['Face restoration'],
      read: (parsed) => {
        const name = parsed['Face restoration'];
        return name === undefined ? undefined : String(name);
      },
    },
    a1111: { option: 'face_restoration_model' },
  }),
  faceFidelity: setting({
    type: z.number().min(0).max(1).default(0.5),
    help: 'How close to what is seen a restorer stays that asks for it, as CodeFormer does.',
    form: {
      label: 'Fidelity of faces',
      group: 'advanced',
      level: 'full',
      control: 'slider',
      step: 0.05,
      when: 'restoreFaces',
    },
    infotext: {
      keys: ['Face fidelity'],
      write: (value, { request }) =>
        request.restoreFaces === true && value !== 0.5 ? [['Face fidelity', value as number]] : [],
      read: (parsed) => numberOf(parsed['Face fidelity']),
    },
    a1111: { option: 'code_former_weight' },
  }),
  keepSteps: setting({
    type: z.boolean().default(false),
    help: 'Keep how the first picture looked after each step, to see how diffusion works.',
    form: { label: 'Keep every step', group: 'advanced', level: 'full', control: 'switch' },
  }),
};
