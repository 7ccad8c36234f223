/** A run of an experiment: how far it is, what it has found as tables and pictures, its report. */

import { A, useParams } from '@solidjs/router';
import { createEffect, For, Show } from 'solid-js';
import { fileAddress } from '../api.ts';
import { JobControls, JobProgress } from '../queue/job.tsx';
import { keys } from '../state/keys.ts';
import { useJob } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RunFiles } from '../ui/run-files.tsx';
import { words } from '../words/index.ts';
import { told } from '../words/told.ts';
import { useExperiments } from './tools.ts';

export default function Run() {
  const studio = useStudio();
  const params = useParams<{ id: string }>();
  const { titleOf } = useExperiments();
  const job = useJob(() => params.id);
  const run = useQuery(() => ({
    queryKey: keys.experiment(params.id),
    queryFn: async () => await studio.api.getExperiment({ id: params.id }),
    retry: false,
  }));
  const part = () => studio.progress[params.id]?.batch;
  createEffect((before) => {
    const now = `${part()} ${job.isSuccess ? job.data.state : ''}`;
    if (before !== undefined && before !== now) void run.refetch();
    return now;
  });
  return (
    <div class="flex-1 flex flex-col gap-4 px-3 md:px-6 pb-8 w-full max-w-300">
      <A href="/lab" class="btn-quiet self-start mt-4 -ml-2">
        <Icon name="left" /> {words().lab.title}
      </A>
      <Show
        when={run.isSuccess && run.data}
        fallback={<Empty text={run.isError ? words().lab.noRun : words().common.loading} />}
      >
        {(found) => (
          <>
            <PageHead title={titleOf(found().job)} note={words().queue.states[found().job.state]}>
              <JobControls job={found().job} />
            </PageHead>
            <JobProgress job={found().job} />
            <Show when={found().job.error}>
              <p class="problem-text row">
                <Icon name="warning" /> {told(found().job.error!)}
              </p>
            </Show>
            <For each={found().tables}>{(table) => <Table title={table.title} rows={table.rows} />}</For>
            <RunFiles
              files={found().files}
              address={(path) => fileAddress('getExperimentFile', { id: params.id, path })}
              report={words().lab.results['report']!}
            />
          </>
        )}
      </Show>
    </div>
  );
}

function Table(props: { readonly title: string; readonly rows: readonly (readonly string[])[] }) {
  return (
    <section class="card p-4 overflow-x-auto" aria-label={props.title} tabindex="0">
      <table class="text-sm tabular-nums w-full border-collapse">
        <caption class="title text-left pb-2">{props.title}</caption>
        <thead>
          <tr>
            <For each={props.rows[0]}>
              {(cell) => (
                <th scope="col" class="text-left align-bottom p-1 pr-4 border-b border-line">
                  {cell}
                </th>
              )}
            </For>
          </tr>
        </thead>
        <tbody>
          <For each={props.rows.slice(1)}>
            {(row) => (
              <tr>
                <For each={row}>{(cell) => <td class="p-1 pr-4">{cell}</td>}</For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}
