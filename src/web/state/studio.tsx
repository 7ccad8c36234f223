/**
 * The page's state, shared by every view through one context: what the server says (a query cache, kept up to date by
 * events), how far running jobs are, notices, and this tab's draft.
 */

import { QueryClient } from '@tanstack/solid-query';
import { createContext, createSignal, type JSX, useContext } from 'solid-js';
import { createStore, produce, reconcile } from 'solid-js/store';
import { jobKinds } from '#api/records/job-kinds';
import type { WireImage, WireJob, WireModel, WireProgress, WireStatus } from '#server/native/wire';
import { type Api, ApiError } from '../api.ts';
import { words } from '../words/index.ts';
import { told } from '../words/told.ts';
import { broughtPicture, chooseFile } from './bring-picture.ts';
import { connect } from './connection.ts';
import { type Draft, drawnMask } from './draft.ts';
import { createDraft } from './draft-store.ts';
import { type Drawing, isMasked } from './drawing.ts';
import { createDrawing } from './drawing-store.ts';
import { eventHandlers } from './event-handlers.ts';
import { keepPicture } from './kept-pictures.ts';
import { keys } from './keys.ts';
import { putAnswer } from './lists.ts';
import { type Notice, putNotice } from './notices.ts';
import { useQuery } from './query.ts';

export type Phase = 'starting' | 'sign-in' | 'ready' | 'unreachable';

export type Studio = ReturnType<typeof createStudio>;

const retryMs = 2000;
/** How long a notice stays: one that offers something, such as Undo, until that can be reached by keys too. */
const noticeMs = { plain: 10_000, withAction: 30_000 } as const;

export function createStudio(api: Api) {
  const client = new QueryClient({
    defaultOptions: {
      // Events say when something changed; asking again by the clock or on focus would only repeat that.
      queries: { staleTime: Number.POSITIVE_INFINITY, refetchOnWindowFocus: false, retry: 1 },
    },
  });
  const [phase, setPhase] = createSignal<Phase>('starting');
  const [live, setLive] = createSignal(true);
  const [progress, setProgress] = createStore<Record<string, WireProgress>>({});
  const [notices, setNotices] = createSignal<readonly Notice[]>([]);
  const [latest, setLatest] = createSignal<WireImage>();
  let stopEvents = () => {};
  let nextNotice = 1;

  function say(notice: Omit<Notice, 'id'>): void {
    const id = nextNotice++;
    setNotices((list) => putNotice(list, { ...notice, id }));
    if (notice.kind === 'info') setTimeout(() => dismiss(id), notice.action ? noticeMs.withAction : noticeMs.plain);
  }

  function dismiss(id: number): void {
    setNotices((list) => list.filter((each) => each.id !== id));
  }

  /** `again`: what was tried, which a button of the notice may help to. */
  function complain(error: unknown, again: () => void): void {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      leave();
      return;
    }
    const { common, create, errors } = words();
    if (error.code === 'network') {
      say({ kind: 'error', text: errors['network']!, action: { label: common.retry, run: again } });
      return;
    }
    const usual = {
      label: create.usualModel,
      run: () => {
        draft.set('model', undefined);
        again();
      },
    };
    const action = error.code === 'model.unknown' && draft.values()['model'] !== undefined ? usual : undefined;
    say({ kind: 'error', text: error.message, remedy: errors[error.code], action });
  }

  /** Runs what a button does; an error becomes a notice. */
  async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      complain(error, () => void attempt(work));
      return undefined;
    }
  }

  /** What failed is said wherever its owner looks, with the way to try it again. */
  function tellFailure({ id, error, user }: WireJob): void {
    const own = client.getQueryData<WireStatus>(keys.status)?.user.name;
    if (!error || user !== own) return;
    const run = () => void attempt(() => api.retryJob({ id }));
    const action = { label: words().common.retry, run };
    say({ kind: 'error', text: told(error), remedy: words().errors[error.code], action });
  }

  /** Takes a picture that someone brings, by the name that the draft knows it under; says why where it is none. */
  async function bring(file: File | undefined, take: (name: string) => void): Promise<void> {
    if (!file) return;
    const controls = await client.fetchQuery({ queryKey: keys.controls, queryFn: () => api.listFamilies() });
    const brought = await broughtPicture(file, controls.maxSide);
    const { control, create } = words();
    if (!brought) {
      const run = () => void chooseFile('image/*').then((other) => bring(other, take));
      say({ kind: 'error', text: create.noPicture(file.name), action: { label: control.other, run } });
      return;
    }
    const { picture, from, to } = brought;
    take(await keepPicture(picture));
    if (to.width < from.width) say({ kind: 'info', text: create.shrunk(file.name, from, to) });
  }

  function leave(): void {
    stopEvents();
    client.clear();
    setPhase('sign-in');
  }

  /** Everything anew, then events from there on: nothing that happens in between is missed. */
  async function start(): Promise<void> {
    stopEvents();
    try {
      await client.invalidateQueries({ refetchType: 'none' });
      const [status, controls] = await Promise.all([
        api.getStatus(),
        client.fetchQuery({ queryKey: keys.controls, queryFn: () => api.listFamilies() }),
      ]);
      draft.open(controls.request);
      await client.refetchQueries({ type: 'active', stale: true });
      client.setQueryData(keys.status, status);
      setProgress(reconcile(Object.fromEntries(status.running.map((each) => [each.id, each]))));
      stopEvents = connect(`/api/v1/ws?${jobKinds.map((kind) => `kind=${kind}`).join('&')}`, {
        after: status.lastEvent,
        user: status.user.name,
        handlers,
        onLive: setLive,
        onReopened: () => void client.invalidateQueries(),
      });
      setPhase('ready');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return leave();
      if (phase() !== 'ready') setPhase('unreachable');
      setTimeout(() => void start(), retryMs);
    }
  }

  const handlers = eventHandlers(client, {
    progress(job, now) {
      if (now) setProgress(job, reconcile(now));
      else setProgress(produce((all) => void delete all[job]));
    },
    preview(job, preview) {
      if (progress[job]) setProgress(job, 'preview', preview);
    },
    latest: setLatest,
    failure: tellFailure,
    restart: () => void start(),
  });

  const draft = createDraft();
  const drawing = createDrawing();
  /** Jobs whose pictures are looked at over the canvas. */
  const [staged, setStaged] = createSignal<readonly string[]>([]);

  /** Another draft in the place of this one, said with the way back. */
  function redraft(next: Draft, text: string): void {
    const before = draft.values();
    draft.replace(next);
    say({ kind: 'info', text, action: { label: words().common.undo, run: () => draft.replace(before) } });
  }

  /** Another start picture, or none; a mask belongs to its picture. */
  function startFrom(picture: string | undefined): void {
    const { mask: _mask, init: _init, ...rest } = draft.values();
    draft.replace(picture === undefined ? rest : { ...rest, init: picture });
    setStaged([]);
  }

  /** The draft names the mask as long as something is masked; the request makes it. */
  function markMask(): void {
    const now = drawing.present();
    const drawn = now.picture === draft.values()['init'] && isMasked(now);
    if (drawn) draft.set('mask', drawnMask);
    else if (draft.values()['mask'] === drawnMask) draft.set('mask', undefined);
  }

  const thenMark = (change: () => void) => () => {
    change();
    markMask();
  };

  /** Moves pictures to the trash, with a way back in the notice. */
  async function trash(images: readonly WireImage[]): Promise<void> {
    const ids = images.map(({ id }) => id);
    await attempt(async () => {
      await api.trashImages({ ids });
      const { picture, common } = words();
      const text = ids.length === 1 ? picture.trashed : picture.trashedMany(ids.length);
      const run = () => void attempt(() => api.restoreImages({ ids }));
      say({ kind: 'info', text, action: { label: common.undo, run } });
    });
  }

  /** @returns the job, unless the server refused the request */
  async function submit(request: Record<string, unknown>): Promise<WireJob | undefined> {
    try {
      const { job } = await api.submitJob(request);
      client.setQueryData<WireJob[]>(keys.openJobs, (jobs) => jobs && putAnswer(jobs, job));
      draft.setErrors({});
      return job;
    } catch (error) {
      if (error instanceof ApiError && error.field) draft.setErrors({ [error.field]: error.message });
      complain(error, () => {
        const { model: _model, ...others } = request;
        // With the model as the form has it now: a button may have changed that.
        void submit({ ...others, model: draft.values()['model'] });
      });
      return undefined;
    }
  }

  return {
    api,
    client,
    phase,
    live,
    progress,
    notices,
    latest,
    draft,
    drawing,
    staged,
    setStaged,
    redraft,
    startFrom,
    redraw: (next: Drawing) => thenMark(() => drawing.change(next))(),
    undoDrawing: thenMark(drawing.undo),
    redoDrawing: thenMark(drawing.redo),
    start,
    leave,
    say,
    dismiss,
    attempt,
    bring,
    trash,
    submit,
  };
}

const StudioContext = createContext<Studio>();

export function StudioProvider(props: { readonly studio: Studio; readonly children: JSX.Element }) {
  return <StudioContext.Provider value={props.studio}>{props.children}</StudioContext.Provider>;
}

export function useStudio(): Studio {
  const studio = useContext(StudioContext);
  if (!studio) throw new Error('a view was drawn outside StudioProvider');
  return studio;
}

/** Whether the signed-in account may do more than look. */
export function useMayMake(): () => boolean {
  const { api } = useStudio();
  const status = useQuery(() => ({ queryKey: keys.status, queryFn: () => api.getStatus() }));
  return () => status.data?.user.role !== 'viewer';
}

/** Models that can draw now. */
export function usableModels(models: readonly WireModel[]): WireModel[] {
  return models.filter(({ kind, problem }) => kind === 'checkpoint' && problem === undefined);
}
