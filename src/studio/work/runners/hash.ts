/** Computes the hashes of a model. Nothing survives a stop: the file is read from its beginning. */

import type { Job } from '#api/records/job';
import type { Library } from '../../library/library.ts';
import type { Runner, WorkCall, WorkResult } from '../runner.ts';

export class HashRunner implements Runner<'hash'> {
  readonly kind = 'hash';
  readonly #library: Library;

  constructor(library: Library) {
    this.#library = library;
  }

  begin() {
    return { phase: 'hashing' } as const;
  }

  async run({ request: { model } }: Job<'hash'>, call: WorkCall): Promise<WorkResult | undefined> {
    // Gone or hashed meanwhile: there is nothing to do.
    const known = this.#library.list().find(({ id }) => id === model);
    if (!known || known.sha256 !== undefined) return {};
    const { sha256, hashError } = await this.#library.hash(model, {
      signal: call.signal,
      onProgress: (step, steps) => call.progress({ phase: 'hashing', step, steps }),
    });
    return call.signal.aborted ? undefined : { result: { sha256, hashError } };
  }
}
