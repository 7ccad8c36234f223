/** The text of a grid: that of its first picture, with what the grid is of, as A1111 writes it. */

import { writeInfotext } from '#prompt/infotext-writer';
import type { Series } from './series.ts';

export function gridText(first: string, { told }: Pick<Series, 'told'>): string {
  return told.length === 0 ? first : `${first.trimEnd()}, ${writeInfotext({ prompt: '', entries: told })}`;
}
