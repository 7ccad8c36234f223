/** Train: choose what is trained, on what and how; below it the trainings there are. */

import { A, useNavigate } from '@solidjs/router';
import { useQuery } from '@tanstack/solid-query';
import { createMemo, createSignal, For, Show } from 'solid-js';
import type { WireJob } from '#server/native/wire';
import { ApiError } from '../api.ts';
import { JobProgress, jobTitle } from '../queue/job.tsx';
import { fieldsOf, type SettingField } from '../state/fields.ts';
import { keys } from '../state/keys.ts';
import { useModels } from '../state/queries.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { FieldControl } from '../ui/field-control.tsx';
import { Group } from '../ui/group.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { words } from '../words/index.ts';

export default function Train() {
  const mayMake = useMayMake();
  return (
    <div class="flex-1 flex flex-col gap-6 px-3 md:px-6 pb-8 w-full max-w-300">
      <PageHead title={words().train.title} />
      <Trainings />
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
      <A href={`/train/${props.job.id}`} class="font-medium flex-1 min-w-40">
        {jobTitle(props.job)}
      </A>
      <span class="hint tabular-nums">
        {words().queue.states[props.job.state]} · {new Date(props.job.createdAt).toLocaleString()}
      </span>
      <JobProgress job={props.job} />
    </li>
  );
}

type Values = Readonly<Record<string, unknown>>;

function NewTraining() {
  const studio = useStudio();
  const navigate = useNavigate();
  const methods = useQuery(() => ({
    queryKey: keys.trainingMethods,
    queryFn: async () => (await studio.api.listTrainingMethods()).methods,
  }));
  const [name, setName] = createSignal<string>();
  const [values, setValues] = createSignal<Values>({});
  const [problem, setProblem] = createSignal<ApiError>();
  const [full, setFull] = createSignal(false);
  const method = () => methods.data?.find((each) => each.name === name()) ?? methods.data?.[0];
  const fields = createMemo(() => fieldsOf(method()?.schema ?? {}).filter(({ control }) => control !== 'none'));
  const shown = () => fields().filter((field) => full() || field.simple || values()[field.name] !== undefined);
  const groups = () => [...new Set(shown().map(({ group }) => group))];
  const begin = async () => {
    setProblem(undefined);
    try {
      const known = new Set(fields().map((field) => field.name));
      const given = Object.fromEntries(Object.entries(values()).filter(([key]) => known.has(key)));
      const job = await studio.api.submitTraining({ training: { ...given, task: method()!.name } as never });
      navigate(`/train/${job.id}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error);
    }
  };
  return (
    <Show when={method()} fallback={<Empty text={words().common.loading} />}>
      {(chosen) => (
        <form
          class="card p-4 stack"
          aria-label={words().train.begin}
          onSubmit={(event) => {
            event.preventDefault();
            void begin();
          }}
        >
          <h2 class="title">{words().train.begin}</h2>
          <Group class="row flex-wrap" label={words().train.method}>
            <For each={methods.data}>
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
          <For each={groups()}>
            {(group) => (
              <fieldset class="border-0 p-0 m-0 min-w-0">
                <legend class="text-sm font-semibold text-dim pb-2">{words().train.groups[group] ?? group}</legend>
                <div class="grid sm:grid-cols-2 lg:grid-cols-3 gap-x-6 gap-y-3">
                  <For each={shown().filter((field) => field.group === group)}>
                    {(field) => (
                      <TrainingField
                        field={field}
                        value={values()[field.name]}
                        error={problem()?.field?.endsWith(field.name) ? problem()!.message : undefined}
                        onChange={(value) => setValues((now) => ({ ...now, [field.name]: value }))}
                      />
                    )}
                  </For>
                </div>
              </fieldset>
            )}
          </For>
          <Show when={problem()}>
            <p class="problem-text" role="alert">
              {problem()!.message}
            </p>
          </Show>
          <div class="row flex-wrap">
            <button type="submit" class="btn-primary">
              {words().train.start}
            </button>
            <button type="button" class="chip" aria-pressed={full()} onClick={() => setFull((now) => !now)}>
              {words().create.full}
            </button>
          </div>
        </form>
      )}
    </Show>
  );
}

interface TrainingFieldProps {
  readonly field: SettingField;
  readonly value: unknown;
  readonly error: string | undefined;
  readonly onChange: (value: unknown) => void;
}

function TrainingField(props: TrainingFieldProps) {
  const models = useModels();
  const choices = () =>
    props.field.choices === 'checkpoints'
      ? (models.data ?? [])
          .filter(({ kind }) => kind === 'checkpoint')
          .map(({ name, problem }) => ({ value: name, label: name, disabled: problem !== undefined, title: problem }))
      : undefined;
  return <FieldControl {...props} choices={choices()} />;
}
