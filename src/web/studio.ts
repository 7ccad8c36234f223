/** The page's state: what the server says, kept up to date by its events, and what can be done. */

import { batch, createSignal } from 'solid-js';
import { createStore, produce, reconcile } from 'solid-js/store';
import type {
  WireControls,
  WireImage,
  WireJob,
  WireLimits,
  WireModel,
  WireProgress,
  WireQueue,
  WireSettings,
  WireStatus,
} from '#server/native/wire';
import { type Api, ApiError, type EventHandlers } from './api.ts';
import { type Draft, draftFromImage, jobInput, restoreDraft } from './state/draft.ts';
import { addPage, type Pictures, putAnswer, putImage, putJob, takeImage, without } from './state/lists.ts';
import { type Notice, putNotice } from './state/notices.ts';
import { remedyFor } from './state/words.ts';

export interface StudioState {
  phase: 'starting' | 'sign-in' | 'ready' | 'unreachable';
  /** False while events do not come any more. */
  live: boolean;
  status: WireStatus | undefined;
  controls: WireControls | undefined;
  settings: WireSettings | undefined;
  queue: WireQueue | undefined;
  models: WireModel[];
  /** Of the chosen model. */
  limits: WireLimits | undefined;
  jobs: WireJob[];
  progress: Record<string, WireProgress>;
  notices: Notice[];
  /** What the server said against a field of the request. */
  fieldErrors: Record<string, string>;
  sending: boolean;
}

export type Studio = ReturnType<typeof createStudio>;

const draftKey = 'darkroom.draft';
const retryMs = 2000;
const noticeMs = 10_000;

export function createStudio(api: Api) {
  const [state, setState] = createStore<StudioState>({
    phase: 'starting',
    live: true,
    status: undefined,
    controls: undefined,
    settings: undefined,
    queue: undefined,
    models: [],
    limits: undefined,
    jobs: [],
    progress: {},
    notices: [],
    fieldErrors: {},
    sending: false,
  });
  const [pictures, setPictures] = createSignal<Pictures>({ images: [], total: 0 });
  const [draft, setDraft] = createSignal<Draft>();
  let stopEvents = () => {};
  let nextNotice = 1;
  let limitsOf = '';

  function say(notice: Omit<Notice, 'id'>): void {
    const id = nextNotice++;
    setState('notices', (list) => putNotice(list, { ...notice, id }));
    if (notice.kind === 'info') setTimeout(() => dismiss(id), noticeMs);
  }

  function dismiss(id: number): void {
    setState('notices', (list) => list.filter((each) => each.id !== id));
  }

  function complain(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      leave();
      return;
    }
    const remedy = remedyFor(error.code);
    say({ kind: 'error', text: error.message, ...(remedy === '' ? {} : { remedy }) });
  }

  /** Runs what a button does; an error becomes a notice. */
  async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      complain(error);
      return undefined;
    }
  }

  function leave(): void {
    stopEvents();
    setState({ phase: 'sign-in', live: true });
  }

  /** Everything anew, then events from there on: nothing that happens in between is missed. */
  async function start(): Promise<void> {
    stopEvents();
    try {
      const status = await api.status();
      const [controls, settings, models, open, failed, queue, page] = await Promise.all([
        api.controls(),
        api.settings(),
        api.checkpoints(),
        api.openJobs(),
        api.failedJobs(),
        api.queue(),
        api.images(),
      ]);
      batch(() => {
        setState({ status, controls, settings, queue, models, phase: 'ready' });
        setState('jobs', reconcile([...open, ...failed]));
        setState('progress', reconcile(Object.fromEntries(status.running.map((each) => [each.id, each]))));
        setPictures(page as Pictures);
        if (!draft()) setDraft(restoreDraft(readDraft(), controls, usableNames(models)));
      });
      stopEvents = api.listen(status.lastEvent, { handlers, onOpen: () => setState('live', true), onLost: lost });
      await readLimits();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return leave();
      if (state.phase !== 'ready') setState('phase', 'unreachable');
      setTimeout(() => void start(), retryMs);
    }
  }

  function lost(ended: boolean): void {
    setState('live', false);
    if (!ended) return;
    stopEvents();
    setTimeout(() => void start(), retryMs);
  }

  const handlers: EventHandlers = {
    'job.added': (job) => setState('jobs', (jobs) => putJob(jobs, job)),
    'job.changed': (job) =>
      batch(() => {
        setState('jobs', (jobs) => putJob(jobs, job));
        if (job.state !== 'running') dropProgress(job.id);
      }),
    'job.removed': ({ id }) => setState('jobs', (jobs) => without(jobs, id)),
    'job.progress': (progress) => setState('progress', progress.id, reconcile(progress)),
    'job.preview': ({ id, preview }) => {
      if (state.progress[id]) setState('progress', id, 'preview', preview);
    },
    'image.added': (image) => setPictures((list) => putImage(list, image)),
    'image.changed': (image) => setPictures((list) => putImage(list, image)),
    'image.removed': ({ id }) => setPictures((list) => takeImage(list, id)),
    queue: (queue) => setState('queue', reconcile(queue)),
    engine: (engine) =>
      setState('status', 'engines', (list) => list?.map((each) => (each.device === engine.device ? engine : each))),
    'settings.changed': (settings) => setState('settings', settings),
    'library.changed': () =>
      void attempt(async () => {
        setState('models', reconcile(await api.checkpoints()));
        await readLimits();
      }),
    reset: () => void start(),
  };

  function dropProgress(id: string): void {
    setState(
      'progress',
      produce((all) => {
        delete all[id];
      }),
    );
  }

  /** The model that the next request will use. */
  function chosenModel(): WireModel | undefined {
    const name = draft()?.model || state.settings?.defaultModel;
    const usable = state.models.filter((model) => model.problem === undefined);
    return usable.find((model) => model.name === name) ?? usable.find((model) => model.embedded) ?? usable[0];
  }

  async function readLimits(): Promise<void> {
    const model = chosenModel();
    if (!model || (model.id === limitsOf && state.limits)) return;
    const limits = await attempt(() => api.limits(model.id));
    // Another model may have been chosen meanwhile.
    if (!limits || chosenModel()?.id !== model.id) return;
    limitsOf = model.id;
    setState('limits', limits);
  }

  function change(patch: Partial<Draft>): void {
    const now = { ...draft()!, ...patch };
    setDraft(now);
    keepDraft(now);
    setState('fieldErrors', reconcile({}));
  }

  async function chooseModel(model: string): Promise<void> {
    // Sizes are the model's business: another model starts at its own.
    change({ model, width: 0, height: 0 });
    await readLimits();
  }

  async function generate(): Promise<WireJob | undefined> {
    if (state.sending) return undefined;
    setState({ sending: true });
    setState('fieldErrors', reconcile({}));
    try {
      const job = await api.submit(jobInput(draft()!));
      setState('jobs', (jobs) => putAnswer(jobs, job));
      return job;
    } catch (error) {
      if (error instanceof ApiError && error.field !== undefined) setState('fieldErrors', error.field, error.message);
      complain(error);
      return undefined;
    } finally {
      setState({ sending: false });
    }
  }

  async function applySettings(image: WireImage): Promise<void> {
    change(draftFromImage(image, draft()!, state.controls!, usableNames(state.models)));
    await readLimits();
    say({ kind: 'info', text: 'Settings of that picture are in the form.' });
  }

  async function trash(image: WireImage): Promise<void> {
    await attempt(async () => {
      await api.trash(image.id);
      setPictures((list) => takeImage(list, image.id));
      const run = () =>
        void attempt(async () => {
          await api.restore(image.id);
          setPictures((list) => putImage(list, image));
        });
      say({ kind: 'info', text: 'Picture moved to the trash.', action: { label: 'Undo', run } });
    });
  }

  async function morePictures(): Promise<void> {
    const { cursor } = pictures();
    if (cursor === undefined) return;
    await attempt(async () => {
      const page = await api.images(cursor);
      if (pictures().cursor === cursor) setPictures((list) => addPage(list, page as Pictures));
    });
  }

  async function cancel(id: string): Promise<void> {
    await attempt(() => api.cancel(id));
  }

  return {
    state,
    pictures,
    draft,
    start,
    change,
    chooseModel,
    chosenModel,
    generate,
    applySettings,
    trash,
    morePictures,
    cancel,
    dismiss,
    retry: (id: string) => attempt(() => api.retry(id)),
    clearFailed: () => attempt(() => api.clearFailed()),
    resumeQueue: () => attempt(() => api.resumeQueue()),
    previewUrl: (job: string, number: number) => api.previewUrl(job, number),
    signOut: () =>
      attempt(async () => {
        await api.signOut();
        leave();
      }),
  };
}

export function usableNames(models: readonly WireModel[]): string[] {
  return models.filter(({ problem }) => problem === undefined).map(({ name }) => name);
}

/** Storage may be switched off; the form then starts empty. */
function readDraft(): unknown {
  try {
    return JSON.parse(localStorage.getItem(draftKey) ?? 'null');
  } catch {
    return null;
  }
}

function keepDraft(draft: Draft): void {
  try {
    localStorage.setItem(draftKey, JSON.stringify(draft));
  } catch {
    // Full or switched off.
  }
}
