/** Train: choose what is trained, on what and how; below it the trainings there are. */

import { A, useNavigate, useSearchParams } from '@solidjs/router';
import { createSignal, For, Show } from 'solid-js';
import type { WireJob } from '#server/native/wire';
import { JobProgress, jobTitle } from '../queue/job.tsx';
import { fieldsOf } from '../state/fields.ts';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Group } from '../ui/group.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { SchemaForm, type Values } from '../ui/schema-form.tsx';
import { duration, fileSize } from '../words/figures.ts';
import { words } from '../words/index.ts';
import { Datasets } from './datasets.tsx';

export default function Train() {
  const mayMake = useMayMake();
  return (
    <div class="flex-1 flex flex-col gap-4 md:gap-5 px-3 md:px-6 pb-8 w-full max-w-300">
      <PageHead title={words().train.title} />
      <Trainings />
      <Datasets />
      <Show when={mayMake()}>
        <NewTraining />
      </Show>
    </div>
  );
}

function Trainings() {
  const { api } = useStudio();
  const trainings = useQuery(() => ({
    queryKey: keys.trainings,
    queryFn: async () => (await api.listJobs({ kind: ['training'], limit: 100 })).jobs,
  }));
  return (
    <Show when={(trainings.data ?? []).length > 0}>
      <section class="stack" aria-label={words().train.runs}>
        <h2 class="title">{words().train.runs}</h2>
        <ul class="flex flex-col gap-2">
          <For each={trainings.data}>{(job) => <TrainingRow job={job} />}</For>
        </ul>
      </section>
    </Show>
  );
}

function TrainingRow(props: { readonly job: WireJob }) {
  return (
    <li class="card p-3 flex flex-wrap items-center gap-3">
      <A href={`/train/${props.job.id}`} class="font-medium flex-1 at-least-40">
        {jobTitle(props.job)}
      </A>
      <span class="hint tabular-nums">
        {words().queue.states[props.job.state]} · {new Date(props.job.createdAt).toLocaleString()}
      </span>
      <JobProgress job={props.job} />
    </li>
  );
}

function NewTraining() {
  const studio = useStudio();
  const navigate = useNavigate();
  const [params] = useSearchParams<{ data: string }>();
  const methods = useQuery(() => ({
    queryKey: keys.trainingMethods,
    queryFn: async () => (await studio.api.listTrainingMethods()).methods,
  }));
  const told = () => (methods.data ?? []).map((each) => ({ ...each, ...words().train.methods[each.name] }));
  const [name, setName] = createSignal<string>();
  const method = () => told().find((each) => each.name === name()) ?? told()[0];
  /** The set that the address names, in the field that takes one. */
  const initial = (): Values => {
    const field = fieldsOf(method()?.schema).find(({ choices }) => choices === 'datasets');
    return field && params.data ? { [field.name]: params.data } : {};
  };
  const begin = async (values: Values) => {
    const job = await studio.api.submitTraining({ training: { ...values, task: method()!.name } as never });
    navigate(`/train/${job.id}`);
  };
  return (
    <Show when={method()} fallback={<Empty text={words().common.loading} />}>
      {(chosen) => (
        <SchemaForm
          title={words().train.begin}
          schema={chosen().schema}
          texts={words().texts.trainings}
          initial={initial()}
          groups={words().train.groups}
          action={words().train.start}
          onSubmit={begin}
          beside={(values) => <Plan training={async () => ({ ...(await values()), task: chosen().name })} />}
        >
          <Group class="row flex-wrap" label={words().train.method}>
            <For each={told()}>
              {(each) => (
                <button
                  type="button"
                  class="chip"
                  aria-pressed={each.name === chosen().name}
                  onClick={() => setName(each.name)}
                >
                  {each.title}
                </button>
              )}
            </For>
          </Group>
          <p class="hint max-w-160">{chosen().about}</p>
        </SchemaForm>
      )}
    </Show>
  );
}

/** A try of two steps before hours are spent. */
function Plan(props: { readonly training: () => Promise<Values> }) {
  const studio = useStudio();
  const [busy, setBusy] = createSignal(false);
  const [plan, setPlan] = createSignal<Awaited<ReturnType<typeof studio.api.planTraining>>>();
  const look = async () => {
    setBusy(true);
    setPlan(
      await studio.attempt(async () => await studio.api.planTraining({ training: (await props.training()) as never })),
    );
    setBusy(false);
  };
  const told = () => {
    const { steps, seconds, memoryBytes } = plan()!;
    return words().train.planned(steps, seconds === undefined ? undefined : duration(seconds), fileSize(memoryBytes));
  };
  return (
    <>
      <button type="button" class="btn" disabled={busy()} onClick={() => void look()}>
        {busy() ? words().train.planning : words().train.plan}
      </button>
      <div role="status" class="hint">
        <Show when={plan()}>
          <p>{told()}</p>
          <For each={plan()!.notes}>{(note) => <p>{note}</p>}</For>
        </Show>
      </div>
    </>
  );
}
