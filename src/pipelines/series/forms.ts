/** Every form of series. To add one: its file beside this one and its row. */

import { UserError } from '#core/errors';
import type { Expanded, FormContext, SeriesForm } from './form.ts';
import { loopback } from './loopback.ts';
import { matrix } from './matrix.ts';
import { plot } from './plot.ts';
import { promptList } from './prompt-list.ts';
import type { PlainRequest } from './series.ts';

const seriesForms = [plot, matrix, promptList, loopback] as const;

/** @throws UserError for a form that is not there, and for settings that make nothing */
export function expandSeries(
  name: string,
  settings: Readonly<Record<string, unknown>>,
  request: PlainRequest,
  context: FormContext,
): Expanded {
  const form = (seriesForms as readonly SeriesForm[]).find((each) => each.name === name);
  if (!form) throw new UserError('series.form', `There is no series ${JSON.stringify(name)}.`);
  const read = form.schema.safeParse(settings);
  if (read.success) return form.expand(read.data, request, context);
  const [issue] = read.error.issues;
  throw new UserError('series.settings', `${issue!.path.join('.')}: ${issue!.message}.`);
}
