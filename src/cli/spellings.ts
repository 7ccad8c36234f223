/** Arguments that are no field by themselves but say fields in words. */

import type { OperationName } from '#api/operations/index';
import type { Texts } from './fields.ts';
import { UsageError } from './usage-error.ts';

interface ExtraArgument {
  readonly usage: string;
  readonly about: string;
  read(words: readonly string[]): Texts;
}

export const extraArguments: { readonly [N in OperationName]?: ExtraArgument } = {
  moveJob: {
    usage: '[place...]',
    about: 'front, back, before JOB, or after JOB.',
    read([place, other, ...rest]) {
      if (place === undefined) return {};
      if ((place === 'front' || place === 'back') && other === undefined) return { to: place };
      if ((place === 'before' || place === 'after') && other !== undefined && rest.length === 0)
        return { [place]: other };
      throw new UsageError('queue.place', 'A place is front, back, before JOB, or after JOB.');
    },
  },
};
