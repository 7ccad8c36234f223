/** Lab: what can be done besides drawing and training, by what it is done with. */

import { A } from '@solidjs/router';
import { For } from 'solid-js';
import { JobProgress } from '../queue/job.tsx';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { words } from '../words/index.ts';
import { useExperiments, useTools } from './tools.ts';

export default function Lab() {
  const { tools } = useTools();
  const places = () => [...new Set(tools().map(({ on }) => on))];
  return (
    <div class="flex-1 flex flex-col gap-4 md:gap-5 px-3 md:px-6 pb-8 w-full max-w-300">
      <PageHead title={words().lab.title} />
      <For each={places()}>
        {(place) => (
          <section class="stack" aria-label={words().lab.on[place]}>
            <h2 class="title">{words().lab.on[place]}</h2>
            <ul class="grid sm:grid-cols-2 lg:grid-cols-3 gap-3">
              <For each={tools().filter(({ on }) => on === place)}>
                {({ name, title, about }) => <Card href={`/lab/${name}`} title={title} about={about} />}
              </For>
            </ul>
          </section>
        )}
      </For>
      <Experiments />
    </div>
  );
}

function Experiments() {
  const { api } = useStudio();
  const { experiments, titleOf } = useExperiments();
  const runs = useQuery(() => ({
    queryKey: keys.experimentRuns,
    queryFn: async () => (await api.listJobs({ kind: ['lab'], limit: 50 })).jobs,
  }));
  return (
    <section class="stack" aria-label={words().lab.on['experiments']}>
      <h2 class="title">{words().lab.on['experiments']}</h2>
      <ul class="grid sm:grid-cols-2 lg:grid-cols-3 gap-3">
        <For each={experiments()}>
          {({ name, title, about }) => <Card href={`/lab/experiments/${name}`} title={title} about={about} />}
        </For>
      </ul>
      <ul class="flex flex-col gap-2">
        <For each={runs.data}>
          {(job) => (
            <li class="card p-3 flex flex-wrap items-center gap-3">
              <A href={`/lab/runs/${job.id}`} class="font-medium flex-1 at-least-40">
                {titleOf(job)}
              </A>
              <span class="hint tabular-nums">
                {words().queue.states[job.state]} · {new Date(job.createdAt).toLocaleString()}
              </span>
              <JobProgress job={job} />
            </li>
          )}
        </For>
      </ul>
    </section>
  );
}

function Card(props: { readonly href: string; readonly title: string; readonly about: string }) {
  return (
    <li>
      <A href={props.href} class="card block h-full p-4 no-underline text-ink hover:border-accent">
        <span class="font-semibold">{props.title}</span>
        <span class="hint block pt-1">{props.about}</span>
      </A>
    </li>
  );
}
