/**
 * The models of a request: opened when they are asked for, kept until a request does without them. Opening reads headers
 * alone; of compiled parts only one model has any at a time, as its weights may take all memory there is.
 */

import { InternalError } from '#core/errors';
import type { Backend } from '#engine/backend';
import type { CombinedAdapters } from '#models/adapters/combine';
import type { MemoryPlan } from './memory/plan.ts';
import type { ModelRequest, OpenModel, PipelineModel } from './model.ts';
import { type LoadingEvent, ModelSessions } from './sessions.ts';

export class OpenModels {
  readonly #backend: Backend;
  readonly #openModel: OpenModel;
  readonly #memoryBudget: number | undefined;
  /** By what was asked for. */
  readonly #opened = new Map<string, ModelSessions>();
  readonly #wanted = new Set<string>();
  #last: ModelSessions | undefined;
  #plan: MemoryPlan | undefined;

  constructor(backend: Backend, openModel: OpenModel, memoryBudget?: number) {
    this.#backend = backend;
    this.#openModel = openModel;
    this.#memoryBudget = memoryBudget;
  }

  /** The one whose parts were used last. */
  get last(): PipelineModel | undefined {
    return this.#last?.model;
  }

  /** A request begins to ask for its models. */
  begin(): void {
    this.#wanted.clear();
  }

  /** How all of them keep within memory from now on. */
  usePlan(plan: MemoryPlan | undefined): void {
    this.#plan = plan;
  }

  async *open(request: ModelRequest): AsyncGenerator<LoadingEvent, PipelineModel, undefined> {
    const { model, vae, textEncoders } = request;
    const key = JSON.stringify([model, vae, textEncoders]);
    this.#wanted.add(key);
    const known = this.#opened.get(key);
    if (known && (await known.model.isCurrent?.()) !== false) return known.model;
    yield { type: 'loading', part: 'model' };
    const opened = await this.#openModel({ model, vae, textEncoders });
    await known?.dispose();
    this.#opened.set(key, new ModelSessions(this.#backend, opened, this.#memoryBudget));
    return opened;
  }

  /** The request has asked for all of its models: the others are let go. */
  async end(): Promise<void> {
    for (const [key, sessions] of [...this.#opened]) {
      if (this.#wanted.has(key)) continue;
      this.#opened.delete(key);
      await sessions.dispose();
    }
  }

  /** The compiled parts of an open model, with these adapters acting. */
  async sessions(model: PipelineModel, adapters: CombinedAdapters): Promise<ModelSessions> {
    const found = [...this.#opened.values()].find((each) => each.model === model);
    if (!found) throw new InternalError('a pass asks for a model that is not open');
    for (const other of this.#opened.values()) if (other !== found) await other.dispose();
    found.useAdapters(adapters);
    found.usePlan(this.#plan);
    this.#last = found;
    return found;
  }

  async dispose(): Promise<void> {
    for (const sessions of this.#opened.values()) await sessions.dispose();
    this.#opened.clear();
  }
}
