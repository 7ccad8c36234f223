/** An experiment of the lab: its settings; it goes on at the address of its run. */

import { A, useNavigate, useParams } from '@solidjs/router';
import { Show } from 'solid-js';
import { useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { SchemaForm, type Values } from '../ui/schema-form.tsx';
import { words } from '../words/index.ts';
import { fieldTexts, useExperiments } from './tools.ts';

export default function Experiment() {
  const { api } = useStudio();
  const params = useParams<{ name: string }>();
  const navigate = useNavigate();
  const { asked, experiments } = useExperiments();
  const experiment = () => experiments().find(({ name }) => name === params.name);
  const start = async (values: Values) => {
    const job = await api.submitExperiment({ run: { ...values, experiment: params.name } as never });
    navigate(`/lab/runs/${job.id}`);
  };
  return (
    <div class="flex-1 flex flex-col gap-4 px-3 md:px-6 pb-8 w-full max-w-300">
      <A href="/lab" class="btn-quiet self-start mt-4 -ml-2">
        <Icon name="left" /> {words().lab.back}
      </A>
      <Show when={experiment()} fallback={<Empty text={asked.isPending ? words().common.loading : words().lab.gone} />}>
        {(found) => (
          <SchemaForm
            title={found().title}
            schema={found().schema}
            texts={fieldTexts(found().name)}
            groups={words().lab.groups}
            action={words().lab.start}
            onSubmit={start}
          >
            <p class="hint max-w-160">{found().about}</p>
          </SchemaForm>
        )}
      </Show>
    </div>
  );
}
