/**
 * Loopback: picture to picture again and again, each from the one before.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, scripts/loopback.py. Left out: prompts that a captioner appends; colours are
 * brought back to the picture before, not to the first one.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { fixedSeeds, seriesForm } from './form.ts';

const curves = {
  Aggressive: (t: number) => Math.sin((t * Math.PI) / 2),
  Linear: (t: number) => t,
  Lazy: (t: number) => 1 - Math.cos((t * Math.PI) / 2),
} as const;

const schema = z.object({
  loops: z
    .int()
    .min(1)
    .max(100)
    .default(4)
    .describe('How often a picture is drawn over.')
    .meta({ label: 'Loops', control: 'slider', step: 1, usual: [1, 32] }),
  finalStrength: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Strength of the last loop; the first has the request’s.')
    .meta({ label: 'Final strength', control: 'slider', step: 0.01 }),
  curve: z
    .enum(Object.keys(curves) as [keyof typeof curves, ...(keyof typeof curves)[]])
    .default('Linear')
    .describe('How the strength goes from the first to the last.')
    .meta({ label: 'Strength curve', control: 'choice' }),
});

export const loopback = seriesForm({
  name: 'loopback',
  title: 'Loopback',
  help: 'Picture to picture again and again, each from the one before.',
  schema,
  expand({ loops, finalStrength, curve }, request, { drawSeed, hasInit }) {
    if (!hasInit) throw new UserError('series.init', 'Loopback needs a picture to start from.');
    const base = { ...fixedSeeds(request, drawSeed), batchSize: 1, batchCount: 1 };
    const rows = request.batchCount;
    const first = request.denoisingStrength;
    const strength = (loop: number): number =>
      loops === 1 ? first : first + (finalStrength - first) * curves[curve](loop / (loops - 1));
    const cells = Array.from({ length: rows * loops }, (_, i) => {
      const loop = i % loops;
      const content = loop === 0 ? {} : { maskedContent: 'original' };
      const changes = { seed: base.seed + i, denoisingStrength: strength(loop), ...content };
      return { changes, follows: loop > 0 };
    });
    return {
      base,
      cells,
      grid: {
        columns: Array.from({ length: loops }, () => ''),
        rows: Array.from({ length: rows }, () => ''),
        pages: [''],
        margin: 0,
        labels: false,
      },
      told: [
        ['Final denoising strength', String(finalStrength)],
        ['Denoising curve', curve],
      ],
    };
  },
});
