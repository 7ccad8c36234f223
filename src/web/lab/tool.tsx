/** One tool: its form, and what it is doing since it was asked. A picture may come in the address: `?picture=ID`. */

import { A, useParams, useSearchParams } from '@solidjs/router';
import { createSignal, For, Show } from 'solid-js';
import type { WireJob } from '#server/native/wire';
import type { Api } from '../api.ts';
import { galleryPicture } from '../canvas/pictures.ts';
import { CancelButtons, JobProgress, jobTitle } from '../queue/job.tsx';
import { fieldsOf } from '../state/fields.ts';
import { keys } from '../state/keys.ts';
import { useJob } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { SchemaForm, type Values } from '../ui/schema-form.tsx';
import { words } from '../words/index.ts';
import { told, toldWarning } from '../words/told.ts';
import { fieldTexts, type Tool as ToolRow, useTools } from './tools.ts';

export default function Tool() {
  const params = useParams<{ name: string }>();
  const { asked, tools } = useTools();
  const tool = () => tools().find(({ name }) => name === params.name);
  return (
    <div class="flex-1 flex flex-col gap-4 px-3 md:px-6 pb-8 w-full max-w-300">
      <A href="/lab" class="btn-quiet self-start mt-4 -ml-2">
        <Icon name="left" /> {words().lab.back}
      </A>
      <Show when={tool()} fallback={<Empty text={asked.isPending ? words().common.loading : words().lab.gone} />}>
        {(found) => <ToolForm tool={found()} />}
      </Show>
    </div>
  );
}

/** Tools answer with the job that does it (a test of the rows holds them to it). */
function callOf(api: Api, { name }: ToolRow): (input: Values) => Promise<{ readonly job: WireJob }> {
  return (api as unknown as Readonly<Record<string, ReturnType<typeof callOf>>>)[name]!;
}

function ToolForm(props: { readonly tool: ToolRow }) {
  const { api, draft } = useStudio();
  const [params] = useSearchParams<{ picture: string }>();
  const [begun, setBegun] = createSignal<readonly string[]>([]);
  /** What the draft has of it; the first field for a picture takes the one that the address brings. */
  const initial = (): Values => {
    const fields = fieldsOf(props.tool.schema);
    const drafted = fields.filter(({ name, control }) => control !== 'image' && draft.field(name) !== undefined);
    const values = drafted.map(({ name }) => [name, draft.values()[name]] as const);
    const picture = fields.find(({ control }) => control === 'image');
    return {
      ...Object.fromEntries(values.filter(([, value]) => value !== undefined)),
      ...(picture && params.picture ? { [picture.name]: galleryPicture(params.picture) } : {}),
    };
  };
  const start = async (values: Values) => {
    const { job } = await callOf(api, props.tool)(values);
    setBegun((list) => [job.id, ...list]);
  };
  return (
    <>
      <SchemaForm
        title={props.tool.title}
        schema={props.tool.schema}
        texts={fieldTexts(props.tool.name)}
        initial={initial()}
        groups={{ ...words().create.groups, ...words().lab.groups }}
        action={words().lab.start}
        onSubmit={start}
      >
        <p class="hint max-w-160">{props.tool.about}</p>
      </SchemaForm>
      <Show when={begun().length > 0}>
        <ul class="flex flex-col gap-2" aria-label={words().lab.begun}>
          <For each={begun()}>{(id) => <Begun id={id} />}</For>
        </ul>
      </Show>
    </>
  );
}

/** A job that was asked for here; once it is done, what came of it. */
function Begun(props: { readonly id: string }) {
  const { api } = useStudio();
  const job = useJob(() => props.id);
  const pictures = useQuery(() => ({
    queryKey: keys.jobPictures(props.id),
    queryFn: async () => (await api.getJob({ id: props.id })).images,
    enabled: job.data?.state === 'done',
  }));
  return (
    <Show when={job.isSuccess && job.data}>
      {(found) => (
        <li class="card p-3 stack">
          <div class="flex flex-wrap items-center gap-3">
            <span class="font-medium flex-1 at-least-40">{jobTitle(found())}</span>
            <span class="hint">{words().queue.states[found().state]}</span>
            <Show when={found().finishedAt === undefined}>
              <CancelButtons job={found()} />
            </Show>
            <JobProgress job={found()} />
          </div>
          <Show when={found().error}>
            <p class="problem-text">{told(found().error!)}</p>
          </Show>
          <For each={found().warnings}>{(text) => <p class="hint">{toldWarning(text)}</p>}</For>
          <For each={pictures.isSuccess ? pictures.data : []}>
            {(image) => (
              <A href={`/gallery/${image.id}`}>
                <img src={image.url} alt={image.prompt || props.id} class="max-w-full max-h-[70vh] rounded-lg" />
              </A>
            )}
          </For>
          <Result of={found().result ?? {}} />
        </li>
      )}
    </Show>
  );
}

/** What came of a job besides pictures: by name, addresses of the server's as links. */
function Result(props: { readonly of: Values }) {
  const rows = () => Object.entries(props.of).map(([name, value]) => ({ name, text: textOf(value) }));
  return (
    <For each={rows()}>
      {({ name, text }) => (
        <p class="hint break-all">
          {words().lab.results[name] ?? name}:{' '}
          <Show when={text.startsWith('/api/')} fallback={text}>
            <a href={text} target="_blank" rel="noreferrer">
              {words().common.show}
            </a>
          </Show>
        </p>
      )}
    </For>
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
