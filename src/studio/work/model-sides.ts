/** Whether a request's sides fit its model, told before it waits in the queue rather than when its turn comes. */

import { checkSides, fitSides } from '#pipelines/sides';
import type { Library } from '../library/library.ts';
import type { LibraryModel } from '../library/model.ts';

interface Sized {
  readonly model?: string;
  readonly width?: number;
  readonly height?: number;
}

/** Of files that cannot be opened. */
const usualSize = { width: 512, height: 512 };

export class ModelSides {
  readonly #library: Pick<Library, 'find' | 'list' | 'limits'>;
  /** By the model's id and state; undefined for files that cannot be opened, which is for the engine to say. */
  readonly #multiples = new Map<string, number | undefined>();

  constructor(library: Pick<Library, 'find' | 'list' | 'limits'>) {
    this.#library = library;
  }

  /**
   * The request, its sides cut to what the model takes if `fit` says so.
   * @throws UserError `request.size`
   */
  async checked<R extends Sized>(request: R, fit: boolean): Promise<R> {
    if (request.width === undefined && request.height === undefined) return request;
    const model = this.#modelOf(request);
    const multiple = model && (await this.#multipleOf(model));
    if (multiple === undefined) return request;
    if (fit) return { ...request, ...fitSides(request, multiple) };
    checkSides(request, multiple);
    return request;
  }

  /** Of a model's pictures where a request says nothing of sides. */
  async ownSize(request: Pick<Sized, 'model'>): Promise<{ readonly width: number; readonly height: number }> {
    const model = this.#modelOf(request);
    const limits = model && (await this.#library.limits(model.id).catch(() => undefined));
    return limits?.defaultSize ?? usualSize;
  }

  #modelOf({ model }: Sized): LibraryModel | undefined {
    if (model !== undefined) return this.#library.find(model, ['checkpoint', 'unet']);
    return this.#library.list().find(({ embedded }) => embedded);
  }

  async #multipleOf({ id, modifiedAt, bytes }: LibraryModel): Promise<number | undefined> {
    const key = `${id} ${modifiedAt} ${bytes}`;
    if (!this.#multiples.has(key)) {
      const limits = await this.#library.limits(id).catch(() => undefined);
      this.#multiples.set(key, limits?.sizeMultiple);
    }
    return this.#multiples.get(key);
  }
}
