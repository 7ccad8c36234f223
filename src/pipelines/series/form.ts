/** What a form of series is: a row with its settings and how they become cells. */

import { z } from 'zod';
import type { PlainRequest, Series } from './series.ts';

export interface FormContext {
  /** A seed for what leaves it open. */
  readonly drawSeed: () => number;
  /** Whether there is a picture to start from. */
  readonly hasInit: boolean;
}

/** Of every form that draws a grid. */
export const gridMargin = z
  .int()
  .min(0)
  .max(500)
  .default(0)
  .describe('Pixels between the pictures of the grid.')
  .meta({ label: 'Margin', control: 'slider', step: 2, usual: [0, 64] });

export interface SeriesForm<S extends z.ZodObject = z.ZodObject> {
  /** In requests and as a command. */
  readonly name: string;
  /** A1111's name of it. */
  readonly title: string;
  readonly help: string;
  /** Each field carries what a form needs, as settings do. */
  readonly schema: S;
  /** @throws UserError for settings that make nothing */
  expand(settings: z.output<S>, request: PlainRequest, context: FormContext): Expanded;
}

/** With the base, where the form changes it (a seed that was drawn). */
export interface Expanded extends Omit<Series, 'form'> {
  readonly base: PlainRequest;
}

/** A row as it is, its types kept. */
export function seriesForm<S extends z.ZodObject>(form: SeriesForm<S>): SeriesForm<S> {
  return form;
}

/** A seed of its own for those that leave it open, so that all pictures share it. */
export function fixedSeeds(request: PlainRequest, drawSeed: () => number): PlainRequest {
  const { seed, subseed } = request;
  return { ...request, seed: seed < 0 ? drawSeed() : seed, subseed: subseed < 0 ? drawSeed() : subseed };
}
