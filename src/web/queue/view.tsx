/** The queue: what runs, what waits in its order, what failed and what was done before. */

import { createEffect, For, Show } from 'solid-js';
import { jobKinds } from '#api/records/job-kinds';
import { endStates } from '#api/records/job-state';
import type { WireJob, WireJobPage } from '#server/native/wire';
import { keys } from '../state/keys.ts';
import { useOpenJobs, useQueue } from '../state/queries.ts';
import { useInfiniteQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { words } from '../words/index.ts';
import { CancelButtons, FailedJobs, JobProgress, jobTitle } from './job.tsx';

export default function Queue() {
  const studio = useStudio();
  const { api } = studio;
  const jobs = useOpenJobs();
  const queue = useQueue();
  const ended = useInfiniteQuery(() => ({
    queryKey: keys.endedJobs,
    queryFn: async ({ pageParam }: { pageParam: string }) =>
      await api.listJobs({
        kind: [...jobKinds],
        state: [...endStates],
        limit: 50,
        cursor: pageParam === '' ? undefined : pageParam,
      }),
    initialPageParam: '',
    getNextPageParam: (page: WireJobPage) => page.cursor,
  }));
  const open = () => jobs.data ?? [];
  const running = () => open().filter(({ state }) => state === 'running');
  const waiting = () => open().filter(({ state }) => state !== 'running');
  const before = () => ended.data?.pages.flatMap((page) => page.jobs) ?? [];
  const failed = () => before().filter(({ state }) => state === 'failed');
  const history = () => before().filter(({ state }) => state !== 'failed');
  return (
    <div class="flex-1 flex flex-col gap-4 md:gap-5 px-3 md:px-6 pb-8 w-full max-w-240">
      <PageHead title={words().queue.title} note={queue.data?.paused ? words().queue.paused : undefined}>
        <Show
          when={queue.data?.paused}
          fallback={
            <button type="button" class="btn" onClick={() => void studio.attempt(() => api.pauseQueue())}>
              <Icon name="pause" /> {words().queue.pause}
            </button>
          }
        >
          <button type="button" class="btn-primary" onClick={() => void studio.attempt(() => api.resumeQueue())}>
            <Icon name="play" /> {words().queue.resume}
          </button>
        </Show>
        <Show when={waiting().length > 1}>
          <button type="button" class="btn-danger" onClick={() => void studio.attempt(() => api.cancelJobs())}>
            {words().queue.cancelAll}
          </button>
        </Show>
      </PageHead>
      <Show when={open().length === 0 && !jobs.isPending}>
        <Empty text={words().queue.empty} />
      </Show>
      <JobList title={words().queue.running} jobs={running()} />
      <JobList title={words().queue.waiting} jobs={waiting()} movable />
      <Show when={failed().length > 0}>
        <section class="stack" aria-label={words().queue.failed}>
          <div class="row">
            <h2 class="title">{words().queue.failed}</h2>
            <button
              type="button"
              class="btn-quiet ml-auto"
              onClick={() => void studio.attempt(() => api.clearJobs({ state: ['failed'] }))}
            >
              {words().queue.clearFailed}
            </button>
          </div>
          <FailedJobs jobs={failed()} />
        </section>
      </Show>
      <JobList title={words().queue.history} jobs={history()} />
      <Show when={ended.hasNextPage}>
        <button type="button" class="btn self-center" onClick={() => void ended.fetchNextPage()}>
          {words().common.more}
        </button>
      </Show>
    </div>
  );
}

interface JobListProps {
  readonly title: string;
  readonly jobs: readonly WireJob[];
  readonly movable?: boolean;
}

function JobList(props: JobListProps) {
  return (
    <Show when={props.jobs.length > 0}>
      <section class="stack" aria-label={props.title}>
        <h2 class="title">{props.title}</h2>
        <ol class="flex flex-col gap-2">
          <For each={props.jobs}>
            {(job, at) => (
              <JobRow
                job={job}
                before={props.movable ? props.jobs[at() - 1] : undefined}
                after={props.movable ? props.jobs[at() + 1] : undefined}
              />
            )}
          </For>
        </ol>
      </section>
    </Show>
  );
}

interface JobRowProps {
  readonly job: WireJob;
  readonly before: WireJob | undefined;
  readonly after: WireJob | undefined;
}

const dragged = 'application/x-darkroom-job';

function JobRow(props: JobRowProps) {
  const studio = useStudio();
  const isOpen = () => props.job.finishedAt === undefined;
  const movable = () => props.before !== undefined || props.after !== undefined;
  /** What is let go over the upper half goes before this one. */
  const drop = (event: DragEvent & { currentTarget: HTMLElement }) => {
    const id = event.dataTransfer?.getData(dragged) ?? '';
    if (id === '' || id === props.job.id) return;
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    const upper = event.clientY < box.top + box.height / 2;
    void studio.attempt(() =>
      studio.api.moveJob({ id, ...(upper ? { before: props.job.id } : { after: props.job.id }) }),
    );
  };
  return (
    <li
      class="card p-3 flex flex-wrap items-center gap-3"
      draggable={movable()}
      onDragStart={(event) => event.dataTransfer?.setData(dragged, props.job.id)}
      onDragOver={(event) => {
        if (movable() && event.dataTransfer?.types.includes(dragged)) event.preventDefault();
      }}
      onDrop={(event) => drop(event)}
    >
      <div class="flex-1 at-least-50">
        <p class="truncate-2">{jobTitle(props.job)}</p>
        <p class="hint tabular-nums">
          {[
            words().queue.kinds[props.job.kind],
            words().queue.states[props.job.state],
            props.job.kind === 'picture' ? words().queue.pictures(props.job.delivered, props.job.total) : undefined,
            props.job.user === 'local' ? undefined : props.job.user,
            new Date(props.job.createdAt).toLocaleString(),
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
        <JobProgress job={props.job} />
      </div>
      <Show when={isOpen()}>
        <Order {...props} />
        <CancelButtons job={props.job} />
      </Show>
    </li>
  );
}

type Direction = 'up' | 'down';

/** The button that moved a job last: a row that is moved loses the focus, and the keys are to go on at its new place. */
let pressed: { readonly job: string; readonly direction: Direction } | undefined;

function MoveButton(props: JobRowProps & { readonly direction: Direction }) {
  const studio = useStudio();
  let button!: HTMLButtonElement;
  const neighbour = () => (props.direction === 'up' ? props.before : props.after);
  const move = () => {
    const { direction, job } = props;
    const beside = neighbour()?.id;
    if (beside === undefined) return;
    pressed = { job: job.id, direction };
    const place = direction === 'up' ? { before: beside } : { after: beside };
    void studio.attempt(async () => await studio.api.moveJob({ id: job.id, ...place }));
  };
  createEffect(() => {
    void [props.before?.id, props.after?.id];
    const isPressed = pressed?.job === props.job.id && pressed.direction === props.direction;
    if (isPressed && document.activeElement === document.body) button.focus();
  });
  return (
    <button
      ref={button}
      type="button"
      class="btn-quiet px-2 aria-disabled:(opacity-50 cursor-not-allowed)"
      aria-label={words().queue[props.direction]}
      title={words().queue[props.direction]}
      // Not `disabled`, which would take the focus from it at the end of the way.
      aria-disabled={neighbour() === undefined}
      onClick={move}
    >
      <Icon name={props.direction} />
    </button>
  );
}

function Order(props: JobRowProps) {
  const studio = useStudio();
  const { api } = studio;
  return (
    <div class="row">
      <Show when={props.before !== undefined || props.after !== undefined}>
        <MoveButton {...props} direction="up" />
        <MoveButton {...props} direction="down" />
      </Show>
      <Show when={props.job.state !== 'running'}>
        <button
          type="button"
          class="btn-quiet px-2"
          aria-label={props.job.state === 'paused' ? words().queue.letGo : words().queue.hold}
          title={props.job.state === 'paused' ? words().queue.letGo : words().queue.hold}
          onClick={() =>
            void studio.attempt(() =>
              props.job.state === 'paused' ? api.resumeJob({ id: props.job.id }) : api.pauseJob({ id: props.job.id }),
            )
          }
        >
          <Icon name={props.job.state === 'paused' ? 'play' : 'pause'} />
        </button>
      </Show>
    </div>
  );
}
