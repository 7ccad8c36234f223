/** One model at its own address: what it is, what its file says, its card to write on, and the way to the trash. */

import { A, useNavigate, useParams } from '@solidjs/router';
import { createSignal, For, Show } from 'solid-js';
import type { WireModel } from '#server/native/wire';
import { fileAddress } from '../api.ts';
import { useChoices } from '../state/choices.ts';
import { keys } from '../state/keys.ts';
import { useControls, useModels } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { FactList } from '../ui/facts.tsx';
import { Field } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { Select } from '../ui/select.tsx';
import { modelFacts } from '../words/figures.ts';
import { words } from '../words/index.ts';
import { ModelActions, useMayChangeModels } from './actions.tsx';

export default function ModelDetail() {
  const params = useParams<{ id: string }>();
  const models = useModels();
  const model = () => models.data?.find(({ id }) => id === params.id);
  return (
    <div class="flex-1 flex flex-col gap-4 px-3 md:px-6 pb-8 w-full max-w-300">
      <A href="/models" class="btn-quiet self-start mt-4 -ml-2">
        <Icon name="left" /> {words().models.title}
      </A>
      <Show
        when={model()}
        keyed
        fallback={
          <Show when={!models.isPending}>
            <Empty text={words().models.gone} />
          </Show>
        }
      >
        {(found) => <Detail model={found} />}
      </Show>
    </div>
  );
}

function Detail(props: { readonly model: WireModel }) {
  const mayChange = useMayChangeModels();
  return (
    <>
      <PageHead title={props.model.title} note={modelFacts(props.model, words())}>
        <ModelActions model={props.model} />
        <Show when={mayChange() && !props.model.embedded}>
          <RemoveButton model={props.model} />
        </Show>
      </PageHead>
      <Show when={props.model.problem}>
        <p class="problem-text row">
          <Icon name="warning" /> {words().models.problem(props.model.problem!)}
        </p>
      </Show>
      <div class="grid lg:grid-cols-2 gap-6 items-start">
        <div class="stack">
          <Show when={props.model.hasPreview}>
            <img
              src={fileAddress('getModelPreview', { id: props.model.id })}
              alt=""
              class="max-h-100 max-w-full self-start rounded-xl object-contain"
            />
          </Show>
          <Facts model={props.model} />
          <Trained model={props.model} />
          <Metadata model={props.model} />
        </div>
        <Card model={props.model} locked={!mayChange()} />
      </div>
    </>
  );
}

function RemoveButton(props: { readonly model: WireModel }) {
  const studio = useStudio();
  const navigate = useNavigate();
  const remove = async () => {
    const gone = await studio.attempt(async () => await studio.api.removeModel({ id: props.model.id }));
    if (!gone) return;
    navigate('/models');
    const run = () => void studio.attempt(async () => await studio.api.restoreModel({ id: gone.id }));
    studio.say({ kind: 'info', text: words().models.removed, action: { label: words().common.undo, run } });
  };
  return (
    <button type="button" class="btn-danger" onClick={() => void remove()}>
      <Icon name="trash" /> {words().common.delete}
    </button>
  );
}

function Facts(props: { readonly model: WireModel }) {
  const studio = useStudio();
  const [busy, setBusy] = createSignal(false);
  const rows = () => {
    const { kind, family, variant, about, path, sha256, autoV3, name } = props.model;
    const { facts } = words().models;
    const all = { name, kind, family, variant, about, path, sha256, autoV3 };
    return Object.entries(all).flatMap(([key, value]) => (value ? [[facts[key] ?? key, value] as const] : []));
  };
  const hash = async () => {
    setBusy(true);
    await studio.attempt(async () => await studio.api.hashModel({ id: props.model.id }));
    setBusy(false);
  };
  return (
    <section class="card p-4 stack" aria-label={words().models.about}>
      <FactList rows={rows()} />
      <Show when={!props.model.sha256}>
        <button type="button" class="btn self-start" disabled={busy()} onClick={() => void hash()}>
          {words().models.hash}
        </button>
      </Show>
    </section>
  );
}

/** Words that an add-on was trained on, the frequent ones first; a click adds one to the prompt. */
function Trained(props: { readonly model: WireModel }) {
  const studio = useStudio();
  const prompt = () => studio.draft.fields().find(({ control }) => control === 'prompt');
  const add = (word: string) => {
    const name = prompt()!.name;
    const text = String(studio.draft.values()[name] ?? '');
    studio.draft.set(name, text === '' ? word : `${text}, ${word}`);
    studio.say({ kind: 'info', text: words().models.added(word) });
  };
  return (
    <Show when={props.model.trainedTags.length > 0}>
      <section class="card p-4 stack" aria-label={words().models.trained}>
        <h2 class="title">{words().models.trained}</h2>
        <ul class="flex flex-wrap gap-1 max-h-60 overflow-auto">
          <For each={props.model.trainedTags}>
            {([word, count]) => (
              <li>
                <button type="button" class="chip" onClick={() => add(word)}>
                  {word} <span class="text-dim tabular-nums">{count}</span>
                </button>
              </li>
            )}
          </For>
        </ul>
      </section>
    </Show>
  );
}

function Metadata(props: { readonly model: WireModel }) {
  const { api } = useStudio();
  const [open, setOpen] = createSignal(false);
  const metadata = useQuery(() => ({
    queryKey: keys.metadata(props.model.id),
    queryFn: async () => await api.getModelMetadata({ id: props.model.id }),
    enabled: open(),
  }));
  const rows = () => Object.entries(metadata.data ?? {});
  return (
    <details class="card p-4" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class="title cursor-pointer">{words().models.metadata}</summary>
      <Show when={metadata.data} fallback={<p class="hint">{words().common.loading}</p>}>
        <dl class="text-sm m-0 mt-2">
          <For each={rows()} fallback={<p class="hint">{words().common.nothing}</p>}>
            {([name, value]) => (
              <>
                <dt class="text-dim break-all">{name}</dt>
                <dd class="m-0 mb-2 break-all max-h-40 overflow-auto">{value}</dd>
              </>
            )}
          </For>
        </dl>
      </Show>
    </details>
  );
}

const texts = ['description', 'notes', 'negativePrompt', 'licence', 'baseModel', 'source'] as const;

/** In a card: the VAE inside the model's own file. */
const ownVae = 'None';

/** What people write about a model; each field is kept when it is left. */
function Card(props: { readonly model: WireModel; readonly locked: boolean }) {
  const studio = useStudio();
  const controls = useControls();
  const vaes = useChoices(() => 'vaes');
  const card = () => props.model.card;
  const put = (change: Readonly<Record<string, unknown>>) =>
    void studio.attempt(async () => await studio.api.setModelCard({ id: props.model.id, ...card(), ...change }));
  const listOf = (text: string) =>
    text
      .split(',')
      .map((word) => word.trim())
      .filter(Boolean);
  return (
    <section class="card p-4" aria-labelledby="card">
      <h2 id="card" class="title pb-3">
        {words().models.card}
      </h2>
      <fieldset class="border-0 p-0 m-0 stack" disabled={props.locked}>
        <Field label={words().models.words} hint={words().models.commas}>
          {(ids) => (
            <input
              {...ids}
              class="field-box"
              value={(card().triggerWords ?? []).join(', ')}
              onChange={(event) => put({ triggerWords: listOf(event.currentTarget.value) })}
            />
          )}
        </Field>
        <Field label={words().models.weight}>
          {(ids) => (
            <input
              {...ids}
              type="number"
              step="0.05"
              class="field-box"
              value={card().preferredWeight ?? ''}
              onChange={({ currentTarget: { value } }) =>
                put({ preferredWeight: value === '' ? undefined : Number(value) })
              }
            />
          )}
        </Field>
        <Show when={controls.data?.kinds['checkpoints']?.includes(props.model.kind)}>
          <Field label={words().models.vae} hint={words().models.vaeHint}>
            {(ids) => (
              <Select
                ids={ids}
                choices={[
                  { value: '', label: words().common.notSet },
                  { value: ownVae, label: words().models.ownVae },
                  ...vaes(),
                ]}
                value={card().vae ?? ''}
                onChange={(vae) => put({ vae: vae || undefined })}
              />
            )}
          </Field>
        </Show>
        <For each={texts}>
          {(name) => (
            <Field label={words().models.cardTexts[name]!}>
              {(ids) => (
                <textarea
                  {...ids}
                  rows={name === 'description' || name === 'notes' ? 3 : 1}
                  class="field-box"
                  value={card()[name] ?? ''}
                  onChange={(event) => put({ [name]: event.currentTarget.value || undefined })}
                />
              )}
            </Field>
          )}
        </For>
      </fieldset>
    </section>
  );
}
