/**
 * Prompt matrix: the parts of a prompt behind its bars, with and without each.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, scripts/prompt_matrix.py; the grid's split modules/images.py
 * (`draw_prompt_matrix`): the first half of the parts across, the rest down.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { fixedSeeds, gridMargin, seriesForm } from './form.ts';

const schema = z.object({
  promptType: z
    .enum(['positive', 'negative'])
    .default('positive')
    .describe('Which prompt has the parts, behind | signs.')
    .meta({ label: 'Prompt type', control: 'choice' }),
  putAtStart: z
    .boolean()
    .default(false)
    .describe('Parts before the prompt rather than after it.')
    .meta({ label: 'Parts at the start', control: 'switch' }),
  differentSeeds: z
    .boolean()
    .default(false)
    .describe('Count the seed up from picture to picture.')
    .meta({ label: 'Different seeds', control: 'switch' }),
  delimiter: z
    .enum(['comma', 'space'])
    .default('comma')
    .describe('What joins the parts.')
    .meta({ label: 'Joined by', control: 'choice' }),
  margin: gridMargin,
});

const maxParts = 8;

export const matrix = seriesForm({
  name: 'matrix',
  title: 'Prompt matrix',
  help: 'A prompt with and without each of its parts behind | signs, as a grid.',
  schema,
  expand({ promptType, putAtStart, differentSeeds, delimiter, margin }, request, { drawSeed }) {
    const base = fixedSeeds(request, drawSeed);
    const field = promptType === 'positive' ? 'prompt' : 'negativePrompt';
    const [first, ...parts] = base[field].split('|').map((part) =>
      part
        .trim()
        .replace(/^,+|,+$/g, '')
        .trim(),
    );
    if (parts.length === 0 || parts.length > maxParts) {
      const found = parts.length === 0 ? 'there is none' : `there are ${parts.length}`;
      throw new UserError(
        'series.matrix',
        `A prompt matrix needs 1 to ${maxParts} parts behind | signs in the ${promptType} prompt; ${found}.`,
      );
    }
    const across = Math.ceil(parts.length / 2);
    const joined = (list: readonly string[]): string =>
      list.filter((part) => part !== '').join(delimiter === 'comma' ? ', ' : ' ');
    const chosen = (number: number, of: readonly string[]) => of.filter((_, i) => number & (1 << i));
    const cells = Array.from({ length: 2 ** parts.length }, (_, number) => {
      const selected = chosen(number, parts);
      const prompt = joined(putAtStart ? [...selected, first!] : [first!, ...selected]);
      return { changes: { [field]: prompt, ...(differentSeeds ? { seed: base.seed + number } : undefined) } };
    });
    const labels = (of: readonly string[]) =>
      Array.from({ length: 2 ** of.length }, (_, n) => chosen(n, of).join(', ') || '–');
    const down = parts.slice(across);
    return {
      base: { ...base, batchSize: 1, batchCount: 1 },
      cells,
      grid: {
        columns: labels(parts.slice(0, across)),
        rows: down.length === 0 ? [''] : labels(down),
        pages: [''],
        margin,
        labels: true,
      },
      told: [['Script', 'Prompt matrix']],
    };
  },
});
