/** The picture at work, as large as fits: the running job with its preview, else the latest picture, else how to begin. */

import { A, useNavigate, useSearchParams } from '@solidjs/router';
import { For, lazy, Match, Show, Suspense, Switch } from 'solid-js';
import type { WireImage, WireJob } from '#server/native/wire';
import { fileAddress } from '../api.ts';
import { galleryPicture } from '../canvas/pictures.ts';
import { isFavourite, usePictureActions } from '../gallery/picture-actions.ts';
import { CancelButtons } from '../queue/job.tsx';
import { picturesOf } from '../state/lists.ts';
import { useOpenJobs, usePictureJobs, useQueue } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { Progress } from '../ui/progress.tsx';
import { ZoomPicture } from '../ui/zoom-picture.tsx';
import { remaining, stageLine } from '../words/figures.ts';
import { words } from '../words/index.ts';
import { FirstMinute } from './first-minute.tsx';
import { usePictures } from './latest.ts';
import { Warnings } from './warnings.tsx';

/** `number` grows with every preview, so that the browser asks anew. */
const previewAddress = (id: string, number: number) => `${fileAddress('getPreview', { id })}?number=${number}`;

interface StageProps {
  readonly ref: (element: HTMLElement) => void;
  readonly onGenerate: (prompt: string) => void;
}

/** Ways to look at the work, chosen in the address: modes of the stage, with one draft for all. */
export const stageModes = ['picture', 'canvas', 'compare', 'steps'] as const;
export type StageMode = (typeof stageModes)[number];

const Canvas = lazy(async () => await import('../canvas/editor.tsx'));
const Steps = lazy(async () => await import('./steps.tsx'));
const Compare = lazy(async () => await import('./compare.tsx'));

export function useStageMode(): [mode: () => StageMode, setMode: (mode: StageMode) => void] {
  const [params, setParams] = useSearchParams<{ mode?: string }>();
  const mode = () => stageModes.find((each) => each === params.mode) ?? 'picture';
  return [mode, (next) => setParams({ mode: next === 'picture' ? undefined : next })];
}

export function Stage(props: StageProps) {
  const [mode, setMode] = useStageMode();
  return (
    <section ref={props.ref} aria-label={words().stage.atWork} class="flex-1 min-h-60 flex flex-col">
      <Group class="row flex-wrap gap-1 px-3 pt-2" label={words().modes.label}>
        <For each={stageModes}>
          {(each) => (
            <button type="button" class="chip" aria-pressed={mode() === each} onClick={() => setMode(each)}>
              {words().modes[each]}
            </button>
          )}
        </For>
      </Group>
      <Suspense fallback={<p class="p-6 text-dim">{words().common.loading}</p>}>
        <Switch fallback={<Pictures onGenerate={props.onGenerate} />}>
          <Match when={mode() === 'canvas'}>
            <Running />
            <Canvas />
          </Match>
          <Match when={mode() === 'compare'}>
            <Compare />
          </Match>
          <Match when={mode() === 'steps'}>
            <Running />
            <Steps />
          </Match>
        </Switch>
      </Suspense>
    </section>
  );
}

function useNextJob(): () => WireJob | undefined {
  const jobs = usePictureJobs();
  return () => jobs().find(({ state }) => state === 'running') ?? jobs()[0];
}

function Pictures(props: { readonly onGenerate: (prompt: string) => void }) {
  const studio = useStudio();
  const open = useOpenJobs();
  const jobs = usePictureJobs();
  const listed = usePictures(() => '');
  const next = useNextJob();
  const latest = () => studio.latest() ?? picturesOf(listed.data)[0];
  return (
    <div class="flex-1 min-h-0 flex flex-col items-center justify-center-safe gap-3 p-3 md:p-4">
      <Switch>
        <Match when={next()}>{(job) => <AtWork job={job()} behind={jobs().length - 1} />}</Match>
        <Match when={latest()}>{(image) => <Latest image={image()} />}</Match>
        <Match when={!open.isPending && !listed.isPending}>
          <FirstMinute onGenerate={props.onGenerate} />
        </Match>
      </Switch>
    </div>
  );
}

/** In a line above the canvas: how far it is, and Interrupt. */
function Running() {
  const studio = useStudio();
  const next = useNextJob();
  return (
    <Show when={next()}>
      {(job) => (
        <div class="row px-3 pt-2">
          <Progress label={words().stage.progress} value={studio.progress[job().id]?.fraction ?? 0} class="flex-1" />
          <CancelButtons job={job()} />
        </div>
      )}
    </Show>
  );
}

function AtWork(props: { readonly job: WireJob; readonly behind: number }) {
  const studio = useStudio();
  const queue = useQueue();
  const progress = () => studio.progress[props.job.id];
  const isRunning = () => props.job.state === 'running';
  return (
    <>
      <div class="relative flex-1 picture-room w-full flex items-center justify-center">
        <Show when={(progress()?.preview ?? 0) > 0} fallback={<div class="safelight" />}>
          <img
            src={previewAddress(props.job.id, progress()!.preview)}
            alt={words().stage.preview}
            class="absolute inset-0 size-full object-contain"
          />
        </Show>
      </div>
      <div class="w-full max-w-180 flex flex-col gap-2">
        <p class="truncate-2">{String(props.job.request.prompt || words().stage.withoutPrompt)}</p>
        <Show
          when={isRunning()}
          fallback={
            <p class="hint">{queue.data?.paused ? (queue.data.reason ?? words().stage.paused) : words().stage.next}</p>
          }
        >
          <Progress label={words().stage.progress} value={progress()?.fraction ?? 0} />
          {/* In places of their own, so that figures that grow move nothing. */}
          <p class="flex gap-3 hint tabular-nums">
            <span class="flex-1 truncate">{stageLine(props.job, progress(), words())}</span>
            <span class="w-40 shrink-0">{remaining(progress(), words())}</span>
          </p>
        </Show>
        <div class="flex flex-wrap items-center gap-2">
          <CancelButtons job={props.job} />
          <Show when={queue.data?.paused}>
            <button type="button" class="btn" onClick={() => void studio.attempt(() => studio.api.resumeQueue())}>
              <Icon name="play" /> {words().stage.resumeQueue}
            </button>
          </Show>
          <Show when={props.behind > 0}>
            <A href="/queue" class="hint ml-auto">
              {words().stage.waiting(props.behind)}
            </A>
          </Show>
        </div>
      </div>
    </>
  );
}

function FavouriteButton(props: { readonly image: WireImage }) {
  const { toggleFavourite } = usePictureActions();
  const liked = () => isFavourite(props.image);
  return (
    <button
      type="button"
      class="btn-quiet text-lg"
      aria-label={words().stage.favourite}
      title={words().stage.favourite}
      aria-pressed={liked()}
      onClick={() => toggleFavourite(props.image)}
    >
      {liked() ? '★' : '☆'}
    </button>
  );
}

function Latest(props: { readonly image: WireImage }) {
  const studio = useStudio();
  const navigate = useNavigate();
  return (
    <>
      <ZoomPicture
        src={props.image.url}
        alt={props.image.prompt}
        width={props.image.width}
        height={props.image.height}
      />
      <div class="w-full max-w-180 flex flex-wrap items-center gap-2">
        <p class="hint truncate flex-1 at-least-40">{props.image.prompt || words().stage.withoutPrompt}</p>
        <FavouriteButton image={props.image} />
        <button type="button" class="btn-quiet" onClick={() => studio.startFrom(galleryPicture(props.image.id))}>
          <Icon name="image" /> {words().picture.asStart}
        </button>
        <a class="btn-quiet" href={`${props.image.url}?download=true`} download="" aria-label={words().common.download}>
          <Icon name="download" />
        </a>
        <button
          type="button"
          class="btn-quiet"
          aria-label={words().common.delete}
          title={words().common.delete}
          onClick={() => void studio.trash([props.image])}
        >
          <Icon name="trash" />
        </button>
        <button
          type="button"
          class="btn-quiet"
          aria-label={words().stage.latest}
          title={words().stage.latest}
          onClick={() => navigate(`/gallery/${props.image.id}`)}
        >
          <Icon name="gallery" />
        </button>
      </div>
      <Warnings job={props.image.job} />
    </>
  );
}
