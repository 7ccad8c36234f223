/** Growing a picture beyond its edges. */

import { z } from 'zod';
import { entry, setting, textEntry } from './setting.ts';

/** By their flags; a setting is `outpaint` and the side. */
export const outpaintSides = ['left', 'right', 'up', 'down'] as const;
export type OutpaintSide = (typeof outpaintSides)[number];

export const outpaintSetting = (side: OutpaintSide) =>
  `outpaint${(side[0]!.toUpperCase() + side.slice(1)) as Capitalize<OutpaintSide>}` as const;

function side(name: OutpaintSide) {
  return setting({
    type: z.int().min(0).max(2048).default(0),
    help: `Outpaint: grow the picture by so many pixels ${name === 'left' || name === 'right' ? `on the ${name}` : name === 'up' ? 'above' : 'below'}.`,
    form: {
      label: `Outpaint ${name}`,
      group: 'outpaint',
      level: 'full',
      control: 'slider',
      step: 8,
      usual: [0, 512],
      when: 'init',
    },
    infotext: entry(`Outpaint ${name}`, { unless: 0 }),
    flag: name,
  });
}

const grows = ({ request }: { readonly request: Readonly<Record<string, unknown>> }): string | undefined =>
  outpaintSides.some((side) => Number(request[outpaintSetting(side)] ?? 0) > 0) ? undefined : 'no side grows';

const form = { group: 'outpaint', level: 'full', when: 'init' } as const;

export const outpaintSettings = {
  outpaintLeft: side('left'),
  outpaintRight: side('right'),
  outpaintUp: side('up'),
  outpaintDown: side('down'),
  outpaintFill: setting({
    type: z.enum(['matched noise', 'masked content']).default('matched noise'),
    help: 'Outpaint: what lies under the new area at the start; noise like the picture, or the masked content that is set.',
    form: { ...form, label: 'Outpaint fill', control: 'choice' },
    infotext: textEntry('Outpaint fill', { unless: 'matched noise' }),
    idle: grows,
  }),
  outpaintFalloff: setting({
    type: z.number().min(0).max(4).default(1),
    help: 'Outpaint: how smooth the noise is.',
    form: { ...form, label: 'Fall-off exponent', control: 'slider', step: 0.01 },
    infotext: entry('Outpaint falloff', { unless: 1 }),
    idle: grows,
  }),
  outpaintColorVariation: setting({
    type: z.number().min(0).max(1).default(0.05),
    help: 'Outpaint: how much the noise differs by colour.',
    form: { ...form, label: 'Colour variation', control: 'slider', step: 0.01 },
    infotext: entry('Outpaint color variation', { unless: 0.05 }),
    idle: grows,
  }),
};
