/** SD upscale: picture to picture in tiles over an enlarged picture. */

import { z } from 'zod';
import { entry, setting, textEntry } from './setting.ts';

export const tiledUpscaleSettings = {
  sdUpscale: setting({
    type: z.number().min(1).max(8).default(1),
    help: 'SD upscale: enlarge the start picture by this, then draw over it in tiles of the width and height; 1: off.',
    form: {
      label: 'SD upscale',
      group: 'start',
      level: 'full',
      control: 'slider',
      step: 0.5,
      usual: [1, 4],
      when: 'init',
    },
    infotext: { ...entry('SD upscale by'), write: () => [] },
  }),
  sdUpscaleUpscaler: setting({
    type: z.string().max(500).default(''),
    help: 'SD upscale: how to enlarge; the upscaler that comes with Darkroom when left out.',
    form: {
      label: 'SD upscaler',
      group: 'start',
      level: 'full',
      control: 'choice',
      choices: 'upscalers',
      when: 'sdUpscale',
    },
    infotext: { ...textEntry('SD upscale upscaler'), write: () => [] },
  }),
  sdUpscaleOverlap: setting({
    type: z.int().min(0).max(256).default(64),
    help: 'SD upscale: pixels that neighbouring tiles share.',
    form: { label: 'Tile overlap', group: 'start', level: 'full', control: 'slider', step: 16, when: 'sdUpscale' },
    infotext: { ...entry('SD upscale overlap'), write: () => [] },
  }),
};
