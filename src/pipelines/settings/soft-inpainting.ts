/** Soft inpainting: how picture and painting mix where a mask is neither black nor white. */

import { z } from 'zod';
import { entry, flagEntry, type PictureFacts, setting } from './setting.ts';

const form = { group: 'inpaint', level: 'full', when: 'softInpainting' } as const;

const idle = ({ request }: PictureFacts): string | undefined => (request.mask ? undefined : 'there is no mask');

const slider = (label: string, step: number) => ({ ...form, label, control: 'slider', step }) as const;

export const softInpaintingSettings = {
  softInpainting: setting({
    type: z.boolean().default(false),
    help: 'Inpainting: let picture and painting flow into each other where the mask is blurred; a wide mask blur suits it.',
    form: { label: 'Soft inpainting', group: 'inpaint', level: 'full', control: 'switch', when: 'mask' },
    infotext: flagEntry('Soft inpainting enabled'),
  }),
  maskBlendPower: setting({
    type: z.number().min(0).max(8).default(1),
    help: 'Soft inpainting: below 1 the picture is kept more towards the end, above 1 at the beginning.',
    form: slider('Schedule bias', 0.1),
    infotext: entry('Soft inpainting schedule bias'),
    idle,
  }),
  maskBlendScale: setting({
    type: z.number().min(0).max(8).default(0.5),
    help: 'Soft inpainting: how strongly what is masked in part is kept.',
    form: slider('Preservation strength', 0.05),
    infotext: entry('Soft inpainting preservation strength'),
    idle,
  }),
  inpaintDetailPreservation: setting({
    type: z.number().min(1).max(32).default(4),
    help: 'Soft inpainting: keeps contrast where both are mixed; more may oversaturate.',
    form: slider('Transition contrast boost', 0.5),
    infotext: entry('Soft inpainting transition contrast boost'),
    idle,
  }),
  compositeMaskInfluence: setting({
    type: z.number().min(0).max(1).default(0),
    help: 'Soft inpainting: 0 keeps pixels where little has changed, 1 where the mask says so.',
    form: slider('Mask influence', 0.05),
    infotext: entry('Soft inpainting mask influence'),
    idle,
  }),
  compositeDifferenceThreshold: setting({
    type: z.number().min(0).max(8).default(0.5),
    help: 'Soft inpainting: the change at which half of the picture’s own pixels are left.',
    form: slider('Difference threshold', 0.25),
    infotext: entry('Soft inpainting difference threshold'),
    idle,
  }),
  compositeDifferenceContrast: setting({
    type: z.number().min(0).max(8).default(2),
    help: 'Soft inpainting: how sudden the step from kept to painted pixels is.',
    form: slider('Difference contrast', 0.25),
    infotext: entry('Soft inpainting difference contrast'),
    idle,
  }),
};
