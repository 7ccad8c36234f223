/** The error that lists what keeps tensors from making a model. */

import { ModelFileError } from './model-error.ts';
import type { Problem } from './resolve.ts';

/** A checkpoint whose tensors do not fit; all problems are listed. */
export class CheckpointError extends ModelFileError {
  readonly problems: readonly Problem[];

  constructor(path: string, problems: readonly Problem[]) {
    const shown = problems.slice(0, 8).map((p) => `\n  ${p.message}`);
    const more = problems.length > shown.length ? `\n  and ${problems.length - shown.length} more` : '';
    super(
      'misfit',
      `the tensors do not make a whole model (problems: ${problems.length}):${shown.join('')}${more}`,
      path,
    );
    this.problems = problems;
  }
}
