/** One training: how far it is, its curves, what it drew on the way, and at the end the proof that it did something. */

import { A, useParams } from '@solidjs/router';
import { useQuery } from '@tanstack/solid-query';
import { createEffect, createMemo, For, Show } from 'solid-js';
import type { WireJob } from '#server/native/wire';
import { fileAddress } from '../api.ts';
import { CancelButtons, JobProgress, jobTitle } from '../queue/job.tsx';
import { keys } from '../state/keys.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { words } from '../words/index.ts';
import { Curves } from './curves.tsx';

const picture = /\.(png|webp|jpe?g)$/i;
const page = /\.html$/i;

export default function TrainingRun() {
  const studio = useStudio();
  const params = useParams<{ id: string }>();
  const run = useQuery(() => ({
    queryKey: keys.training(params.id),
    queryFn: async () => await studio.api.getTraining({ id: params.id }),
    retry: false,
  }));
  // Rows of metrics come with every few steps; progress says when to look again.
  const progress = () => studio.progress[params.id];
  const tenth = createMemo(() => Math.floor((progress()?.fraction ?? 0) * 100));
  createEffect((before) => {
    const now = `${tenth()} ${run.data?.job.state}`;
    if (before !== undefined && before !== now) void run.refetch();
    return now;
  });
  return (
    <div class="flex-1 flex flex-col gap-4 px-3 md:px-6 pb-8 w-full max-w-300">
      <A href="/train" class="btn-quiet self-start mt-4 -ml-2">
        <Icon name="left" /> {words().train.title}
      </A>
      <Show when={run.data} fallback={<Empty text={run.isError ? words().train.gone : words().common.loading} />}>
        {(found) => {
          const job = () => found().job;
          const files = (of: RegExp) => found().files.filter((file) => of.test(file));
          const address = (path: string) => fileAddress('getTrainingFile', { id: params.id, path });
          return (
            <>
              <PageHead title={jobTitle(job())} note={words().queue.states[job().state]}>
                <Controls job={job()} />
              </PageHead>
              <JobProgress job={job()} />
              <Show when={job().error}>
                <p class="problem-text row">
                  <Icon name="warning" /> {job().error!.message}
                </p>
              </Show>
              <For each={job().warnings}>{(text) => <p class="hint">{text}</p>}</For>
              <Curves rows={found().metrics} />
              <For each={files(page)}>
                {(file) => (
                  <a class="btn self-start" href={address(file)} target="_blank" rel="noreferrer">
                    {words().train.report}
                  </a>
                )}
              </For>
              <Show when={files(picture).length > 0}>
                <section class="stack" aria-label={words().train.samples}>
                  <h2 class="title">{words().train.samples}</h2>
                  <ul class="grid sm:grid-cols-2 lg:grid-cols-3 gap-4">
                    <For each={files(picture).toReversed()}>
                      {(file) => (
                        <li>
                          <figure class="m-0">
                            <a href={address(file)} target="_blank" rel="noreferrer">
                              <img src={address(file)} alt={file} loading="lazy" class="w-full rounded-lg bg-sunk" />
                            </a>
                            <figcaption class="hint break-all">{file}</figcaption>
                          </figure>
                        </li>
                      )}
                    </For>
                  </ul>
                </section>
              </Show>
            </>
          );
        }}
      </Show>
    </div>
  );
}

function Controls(props: { readonly job: WireJob }) {
  const studio = useStudio();
  const { api } = studio;
  const mayMake = useMayMake();
  const ended = () => props.job.finishedAt !== undefined;
  return (
    <Show when={mayMake()}>
      <Show when={!ended()}>
        <Show
          when={props.job.state === 'paused'}
          fallback={
            <button
              type="button"
              class="btn"
              onClick={() => void studio.attempt(async () => await api.pauseJob({ id: props.job.id }))}
            >
              <Icon name="pause" /> {words().models.pause}
            </button>
          }
        >
          <button
            type="button"
            class="btn-primary"
            onClick={() => void studio.attempt(async () => await api.resumeJob({ id: props.job.id }))}
          >
            <Icon name="play" /> {words().models.resume}
          </button>
        </Show>
        <CancelButtons job={props.job} />
      </Show>
      <Show when={props.job.state === 'failed' || props.job.state === 'cancelled'}>
        <button
          type="button"
          class="btn"
          onClick={() => void studio.attempt(async () => await api.retryJob({ id: props.job.id }))}
        >
          <Icon name="reuse" /> {words().train.goOn}
        </button>
      </Show>
    </Show>
  );
}
