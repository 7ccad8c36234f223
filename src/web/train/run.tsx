/** One training: how far it is, its curves, what it drew on the way, and at the end the proof that it did something. */

import { A, useParams } from '@solidjs/router';
import { createEffect, createMemo, For, Show } from 'solid-js';
import { fileAddress } from '../api.ts';
import { JobControls, JobProgress, jobTitle } from '../queue/job.tsx';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RunFiles } from '../ui/run-files.tsx';
import { words } from '../words/index.ts';
import { told, toldWarning } from '../words/told.ts';
import { Curves } from './curves.tsx';

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
          return (
            <>
              <PageHead title={jobTitle(job())} note={words().queue.states[job().state]}>
                <JobControls job={job()} />
              </PageHead>
              <JobProgress job={job()} />
              <Show when={job().error}>
                <p class="problem-text row">
                  <Icon name="warning" /> {told(job().error!)}
                </p>
              </Show>
              <For each={job().warnings}>{(text) => <p class="hint">{toldWarning(text)}</p>}</For>
              <Curves rows={found().metrics} />
              <RunFiles
                files={found().files}
                address={(path) => fileAddress('getTrainingFile', { id: params.id, path })}
                report={words().train.report}
              />
            </>
          );
        }}
      </Show>
    </div>
  );
}
