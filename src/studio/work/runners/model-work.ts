/** Makes model files of others. Nothing survives a stop: a file is there whole or not at all. */

import path from 'node:path';
import type { Job, JobRequests } from '#api/records/job';
import { modelWorkKinds } from '#api/records/job-kinds';
import type { ModelWorkKind } from '#api/records/model-work';
import type { Library } from '../../library/library.ts';
import { targetOf, withPaths } from '../../model-work/check.ts';
import type { MakeRequest } from '../../model-work/make.ts';
import { type Making, startMaking } from '../../model-work/process.ts';
import type { Runner, WorkCall, WorkResult } from '../runner.ts';

export interface ModelWorkParts {
  readonly library: Library;
}

export class ModelWorkRunner<K extends ModelWorkKind> implements Runner<K> {
  readonly kind: K;
  readonly #parts: ModelWorkParts;
  #making: Making | undefined;

  constructor(kind: K, parts: ModelWorkParts) {
    this.kind = kind;
    this.#parts = parts;
  }

  begin() {
    return { phase: 'writing' } as const;
  }

  async run(job: Job<K>, call: WorkCall): Promise<WorkResult | undefined> {
    if (call.signal.aborted) return undefined;
    const { library } = this.#parts;
    const { kind } = this;
    const { name, ...asked }: JobRequests[ModelWorkKind] = job.request;
    const { to, folder } = await targetOf(kind, { name, ...asked }, library);
    const request = withPaths(kind, asked as unknown as MakeRequest<K>, library);
    const making = startMaking({ kind, request, to, roots: library.roots }, (step, steps) =>
      call.progress({ phase: 'writing', step, steps }),
    );
    this.#making = making;
    const stop = () => making.stop();
    call.signal.addEventListener('abort', stop, { once: true });
    try {
      const made = await making.made;
      if (!made) return undefined;
      for (const note of made.notes) await call.warn(note);
      await call.report({ delivered: 1 });
      // Who waited for the job finds what it made.
      await library.refresh();
      return { result: { file: path.posix.join(folder, path.basename(to)), ...made } };
    } finally {
      call.signal.removeEventListener('abort', stop);
      this.#making = undefined;
    }
  }

  kill(): void {
    this.#making?.kill();
  }
}

export const modelWorkRunners = (parts: ModelWorkParts) =>
  modelWorkKinds.map((kind) => new ModelWorkRunner(kind, parts));
