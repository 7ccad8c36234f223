/** More models: starters that are known to work, any address, and how far downloads are. */

import { createSignal, For, Show } from 'solid-js';
import type { ToldStarter } from '#api/records/pull';
import type { WirePull } from '#server/native/wire';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { Progress } from '../ui/progress.tsx';
import { duration, fileSize } from '../words/figures.ts';
import { words } from '../words/index.ts';
import { told } from '../words/told.ts';
import { AddFolder } from './add-folder.tsx';

export function GetModels() {
  const studio = useStudio();
  const { api } = studio;
  const starters = useQuery(() => ({
    queryKey: keys.starters,
    queryFn: async () => (await api.listStarters()).starters,
  }));
  const pulls = useQuery(() => ({ queryKey: keys.pulls, queryFn: async () => (await api.listPulls()).pulls }));
  const [source, setSource] = createSignal('');
  const pull = async (from: string, file?: string) => {
    const begun = await studio.attempt(() => api.addPull({ source: from, name: file }));
    if (begun) setSource('');
  };
  return (
    <div class="flex flex-col gap-6">
      <form
        class="row flex-wrap"
        onSubmit={(event) => {
          event.preventDefault();
          if (source().trim() !== '') void pull(source().trim());
        }}
      >
        <input
          class="field-box flex-1 at-least-60"
          placeholder={words().models.pullPlaceholder}
          aria-label={words().models.pullPlaceholder}
          value={source()}
          onInput={(event) => setSource(event.currentTarget.value)}
        />
        <button type="submit" class="btn-primary">
          <Icon name="download" /> {words().models.pull}
        </button>
      </form>
      <section class="stack" aria-label={words().first.folder}>
        <h2 class="title">{words().first.folder}</h2>
        <p class="hint">{words().first.folderHint}</p>
        <AddFolder />
      </section>
      <Show when={(pulls.data ?? []).length > 0}>
        <section aria-labelledby="pulls" class="stack">
          <h2 id="pulls" class="title">
            {words().models.pulls}
          </h2>
          <ul class="stack">
            <For each={pulls.data}>{(each) => <PullRow pull={each} />}</For>
          </ul>
        </section>
      </Show>
      <section aria-labelledby="starters" class="stack">
        <h2 id="starters" class="title">
          {words().models.starters}
        </h2>
        <ul class="grid sm:grid-cols-2 lg:grid-cols-3 gap-3">
          <For each={starters.data ?? []} fallback={<li class="hint">{words().common.loading}</li>}>
            {(starter) => <StarterCard starter={starter} onPull={() => void pull(starter.source, starter.file)} />}
          </For>
        </ul>
      </section>
    </div>
  );
}

interface StarterCardProps {
  readonly starter: ToldStarter;
  readonly onPull: () => void;
}

function StarterCard(props: StarterCardProps) {
  const { starter } = props;
  const { memory, seconds } = starter;
  const takes = (): string[] => {
    const { models } = words();
    if (memory === undefined) return [];
    const time = seconds === undefined ? models.secondsUnknown : models.seconds(duration(seconds));
    return [models.memory(fileSize(memory.usual), fileSize(memory.least)), time];
  };
  return (
    <li class="card p-4 flex flex-col gap-2">
      <h3 class="font-semibold">{starter.name}</h3>
      <p class="hint">
        {[words().models.kinds[starter.kind], starter.family, fileSize(starter.bytes), starter.licence]
          .filter(Boolean)
          .join(' · ')}
      </p>
      <p class="text-sm">{starter.about}</p>
      <For each={takes()}>{(line) => <p class="hint">{line}</p>}</For>
      <button type="button" class="btn mt-auto self-start" onClick={() => props.onPull()}>
        <Icon name="download" /> {words().models.pull}
      </button>
    </li>
  );
}

function PullRow(props: { readonly pull: WirePull }) {
  const studio = useStudio();
  const { api } = studio;
  const id = props.pull.id;
  const calls = { pause: api.pausePull, resume: api.resumePull, cancel: api.cancelPull };
  const change = (verb: keyof typeof calls) => void studio.attempt(() => calls[verb]({ id }));
  const fraction = () => (props.pull.total ? props.pull.done / props.pull.total : undefined);
  const facts = () =>
    [
      fileSize(props.pull.done) + (props.pull.total ? ` / ${fileSize(props.pull.total)}` : ''),
      props.pull.speed === undefined ? undefined : `${fileSize(props.pull.speed)}/s`,
      props.pull.eta === undefined ? undefined : words().progress.left(duration(props.pull.eta)),
    ]
      .filter(Boolean)
      .join(' · ');
  const moving = () => ['queued', 'running'].includes(props.pull.state);
  const ended = () => ['done', 'failed', 'cancelled'].includes(props.pull.state);
  return (
    <li class="card p-3 flex flex-wrap items-center gap-3">
      <div class="flex-1 at-least-50">
        <p class="font-medium break-words">{props.pull.title}</p>
        <Show when={!ended()}>
          <Progress label={props.pull.title} value={fraction()} />
        </Show>
        <p class="hint tabular-nums">
          {words().queue.states[props.pull.state] ?? props.pull.state} · {facts()}
        </p>
        <Show when={props.pull.error}>
          <p class="problem-text">{told(props.pull.error!)}</p>
        </Show>
      </div>
      <Show when={moving()}>
        <button type="button" class="btn" onClick={() => change('pause')}>
          <Icon name="pause" /> {words().models.pause}
        </button>
      </Show>
      <Show when={props.pull.state === 'paused' || props.pull.state === 'failed'}>
        <button type="button" class="btn" onClick={() => change('resume')}>
          <Icon name="play" /> {words().models.resume}
        </button>
      </Show>
      <button
        type="button"
        class="btn-quiet"
        aria-label={ended() ? words().common.remove : words().common.cancel}
        onClick={() => (ended() ? void studio.attempt(() => api.removePull({ id })) : change('cancel'))}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}
