/**
 * How requests become jobs that wait: checked against the models that are there, made whole with sides, drawn prompts
 * and the cells of a series, their pictures kept as files. Nothing is queued of a request that is refused.
 */

import { controlRoles, type Job, type JobRequests } from '#api/records/job';
import type { ModelWorkKind } from '#api/records/model-work';
import { UserError } from '#core/errors';
import { checkControls, findModule } from '#pipelines/control/units';
import type { GenerateSettings } from '#pipelines/request';
import { placesOf } from '#pipelines/series/series';
import { type UpscaleSettings, upscaledSize } from '#pipelines/upscale/request';
import { inTurns } from '../events/next-turn.ts';
import { localUser } from '../gallery/picture-path.ts';
import { annotatorFinder } from '../library/controls.ts';
import type { Library } from '../library/library.ts';
import { checkModelWork } from '../model-work/check.ts';
import { preparePrompts } from '../prompts/prepare.ts';
import type { PromptFiles } from '../prompts/prompt-files.ts';
import type { NewJob, PictureJob, StoredRequest } from '../queue/job.ts';
import type { SqliteJobQueue } from '../queue/sqlite-queue.ts';
import type { Upload } from '../reader/large-bodies.ts';
import type { Asker } from '../reader/pool.ts';
import type { Settings } from '../settings/settings.ts';
import { newId } from '../store/id.ts';
import {
  type CheckedRequest,
  checkpointKinds,
  checkRequest,
  checkSamplers,
  preferred,
  upscalerName,
} from './check-request.ts';
import type { InputFiles, InputPaths, InputUploads } from './inputs.ts';
import type { ModelSides } from './model-sides.ts';
import type { InputRules } from './prepare-inputs.ts';
import type { Quota } from './quota.ts';
import { type SeriesInput, storedSeries } from './series.ts';

export interface SubmitInput {
  readonly request: GenerateSettings;
  /** Pictures to start from, as they came. */
  readonly pictures?: InputUploads;
  readonly inputRules?: InputRules;
  /** Default: the local user. */
  readonly user?: string;
  /** Higher goes first; default 0. */
  readonly priority?: number;
  readonly label?: string;
  /** Cut sides to what the model takes rather than refuse them. */
  readonly fitSides?: boolean;
  /** Many pictures of varied requests, of which `request` is the base. */
  readonly series?: SeriesInput;
  /** What whoever made the request of another one could not keep of it. */
  readonly warnings?: readonly string[];
}

/** Whose a job is and where it stands. */
export type Submitter = Pick<SubmitInput, 'user' | 'priority' | 'label'>;

/** A picture to enlarge, as it came. */
export interface UpscaleInput extends Submitter {
  readonly request: UpscaleSettings;
  readonly picture: Upload;
}

interface Submission extends CheckedRequest {
  readonly input: SubmitInput;
  readonly id: string;
}

export interface IntakeParts {
  readonly queue: Pick<SqliteJobQueue, 'add'>;
  readonly library: Library;
  readonly settings: Pick<Settings, 'get'>;
  readonly promptFiles: PromptFiles;
  readonly inputs: InputFiles;
  readonly sides: ModelSides;
  readonly quota: Quota;
  readonly modelRoots: readonly string[];
  /** Resolves when the model folders have been looked at for the first time. */
  readonly listed: () => Promise<void>;
}

export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Together as one batch when there are several. @throws UserError; nothing is queued then */
  async pictures(list: readonly SubmitInput[]): Promise<readonly PictureJob[]> {
    const users = list.map(({ user = localUser }) => user);
    return await this.#parts.quota.within(users, async () => await this.#queuePictures(list));
  }

  async #queuePictures(list: readonly SubmitInput[]): Promise<readonly PictureJob[]> {
    const { queue, inputs } = this.#parts;
    const batch = list.length > 1 ? newId() : undefined;
    const jobs: NewJob[] = [];
    for (const { input, id, request, warnings } of await this.#accepted(list)) {
      const { user = localUser, priority = 0, label, pictures = {}, inputRules } = input;
      jobs.push({
        id,
        kind: 'picture',
        user,
        priority,
        label,
        batch,
        request,
        inputs: await inputs.write(id, pictures, inputRules, askerOf(user)),
        total: request.series ? placesOf(request, request.series).total : request.batchSize * request.batchCount,
        warnings: [...(input.warnings ?? []), ...warnings],
      });
    }
    return (await queue.add(jobs)) as readonly PictureJob[];
  }

  /** A request as `pictures` would take it, with its pictures as files while `use` runs; nothing is queued or kept. */
  async withWhole<R>(input: SubmitInput, use: (whole: CheckedRequest, files: InputPaths) => Promise<R>): Promise<R> {
    const { inputs } = this.#parts;
    const [{ id, ...whole }] = (await this.#accepted([input])) as [Submission];
    try {
      const roles = await inputs.write(id, input.pictures ?? {}, input.inputRules);
      return await use(whole, await inputs.paths(id, roles));
    } finally {
      await inputs.remove(id);
    }
  }

  /** The enlarging of a picture, whose text goes on to the enlarged one. @throws UserError */
  async upscale(input: UpscaleInput): Promise<Job> {
    const { user = localUser } = input;
    return await this.#parts.quota.within([user], async () => await this.#queueUpscale(input, user));
  }

  async #queueUpscale({ request, picture, priority = 0, label }: UpscaleInput, user: string): Promise<Job> {
    const { queue, library, inputs, listed } = this.#parts;
    const asker = askerOf(user);
    const { width, height } = await inputs.uploads.read('header', picture, asker);
    upscaledSize({ width, height }, request);
    await listed();
    const warnings: string[] = [];
    const names = {
      upscaler: upscalerName(library, request.upscaler, warnings),
      upscaler2: upscalerName(library, request.upscaler2, warnings),
    };
    const { infotext } = await inputs.uploads.read('pictureTexts', picture, asker);
    const id = newId();
    const roles = await inputs.write(id, { init: picture }, {}, asker);
    const whole = { ...request, ...names, infotext };
    const [job] = await queue.add([
      { id, kind: 'upscale', user, priority, label, request: whole, inputs: roles, total: 1, warnings },
    ]);
    return job!;
  }

  /** The making of a model file of others. @throws UserError `model.unknown`, `queue.full`, `*.exists` */
  async modelWork<K extends ModelWorkKind>(
    kind: K,
    request: JobRequests[K],
    { user = localUser, priority = 0, label }: Submitter,
  ): Promise<Job> {
    const { queue, library, quota, listed } = this.#parts;
    return await quota.within([user], async () => {
      await listed();
      const warnings: string[] = [];
      const checked = await checkModelWork(kind, request, library, warnings);
      const [job] = await queue.add([
        { kind, user, priority, label: label ?? checked.name, request: checked, total: 1, warnings } as NewJob,
      ]);
      return job!;
    });
  }

  /** Checked and made whole, as they would be queued. @throws UserError */
  async #accepted(list: readonly SubmitInput[]): Promise<Submission[]> {
    if (list.some(({ pictures }) => pictures?.mask && !pictures.init)) {
      throw new UserError('request.invalid', 'mask: a mask needs a picture (init) that it is the mask of.');
    }
    if (list.some(({ pictures }) => pictures?.['latent-mask'] && !pictures.mask)) {
      throw new UserError(
        'request.invalid',
        'latentMask: it needs a mask (mask), which says what of the result is shown.',
      );
    }
    const checked = await this.#checkAll(list);
    for (const { input, request } of checked) await this.#checkControls(request, input.pictures ?? {});
    const accepted: Submission[] = [];
    for await (const each of inTurns(checked)) accepted.push({ ...each, ...(await this.#whole(each)) });
    return accepted;
  }

  /** A model that is not known yet may lie where the first look at the folders has not come to. */
  async #checkAll(list: readonly SubmitInput[]): Promise<Submission[]> {
    const { library, settings } = this.#parts;
    const models = new Set(list.map(({ request: { model = settings.get().defaultModel } }) => model));
    for (const model of models) await library.readCardOf(model, checkpointKinds);
    const check = async (): Promise<Submission[]> => {
      const checked: Submission[] = [];
      for await (const input of inTurns(list)) {
        checked.push({ input, id: newId(), ...(await this.#check(input.request)) });
      }
      return checked;
    };
    try {
      const checked = await check();
      if (checked.every(({ warnings }) => warnings.length === 0)) return checked;
    } catch (error) {
      if (!(error instanceof UserError && error.code === 'model.unknown')) throw error;
    }
    await this.#parts.listed();
    return await check();
  }

  async #check(fields: GenerateSettings): Promise<CheckedRequest> {
    const { library, settings } = this.#parts;
    const checked = checkRequest(fields, library, settings.get().defaultModel);
    await checkSamplers(checked.request);
    return checked;
  }

  /** @throws UserError for units whose pictures or modules are not there */
  async #checkControls({ controls }: Pick<StoredRequest, 'controls'>, pictures: InputUploads): Promise<void> {
    checkControls(controls, {
      init: pictures.init !== undefined,
      initMask: pictures.mask !== undefined,
      image: (unit) => pictures[controlRoles[unit]!.image] !== undefined,
      mask: (unit) => pictures[controlRoles[unit]!.mask] !== undefined,
    });
    const find = annotatorFinder(this.#parts.modelRoots);
    for (const { module, weight } of controls) if (weight > 0) await findModule(module, find);
  }

  /** With sides that fit, prompts as they are drawn, and the cells of a series. @throws UserError */
  async #whole({ input, request, warnings }: Submission): Promise<CheckedRequest> {
    const { series, pictures } = input;
    if (!series) return await this.#complete(input, { request, warnings });
    const hasInit = pictures?.init !== undefined;
    const { library, settings } = this.#parts;
    const base = preferred(input.request, library, settings.get().defaultModel);
    return await storedSeries(series, base, hasInit, async (fields) => {
      return await this.#complete(input, await this.#check(fields));
    });
  }

  async #complete(
    { fitSides = false, user }: SubmitInput,
    { request, warnings }: CheckedRequest,
  ): Promise<CheckedRequest> {
    const { sides, promptFiles, inputs } = this.#parts;
    const sized = await sides.checked(request, fitSides);
    const prepared = await preparePrompts(
      sized,
      promptFiles,
      async (order) => await inputs.uploads.run('draw', order, askerOf(user), 'prompt'),
    );
    return { request: prepared.request, warnings: [...warnings, ...prepared.warnings] };
  }
}

function askerOf(user = localUser): Asker {
  return { caller: { name: user } };
}
