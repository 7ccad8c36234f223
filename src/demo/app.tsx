/** The page without a server: a model, a new picture, a training. */

import { For, type JSX, Show } from 'solid-js';
import { Icon } from '../web/ui/icon.tsx';
import { PageHead } from '../web/ui/page-head.tsx';
import type { Darkroom } from './darkroom.ts';
import { Draw } from './draw.tsx';
import { Train } from './train.tsx';
import { words } from './words.ts';

export function App(props: { readonly darkroom: Darkroom }) {
  return (
    <main class="mx-auto max-w-300 px-3 md:px-6 pb-8">
      <PageHead title={words.title} note={words.note} />
      <ModelCard darkroom={props.darkroom} />
      <Told darkroom={props.darkroom} />
      <Show when={props.darkroom.model()}>
        {(model) => (
          <div class="grid lg:grid-cols-2 gap-6 pt-6">
            <Card title={words.draw}>
              <Draw darkroom={props.darkroom} model={model()} />
            </Card>
            <Card title={words.train} note={words.trainNote}>
              <Train darkroom={props.darkroom} model={model()} />
            </Card>
          </div>
        )}
      </Show>
    </main>
  );
}

function Card(props: { readonly title: string; readonly note?: string; readonly children: JSX.Element }) {
  return (
    <section class="card p-4 stack min-w-0" aria-label={props.title}>
      <h2 class="title">{props.title}</h2>
      <p class="hint empty:hidden">{props.note}</p>
      {props.children}
    </section>
  );
}

function ModelCard(props: { readonly darkroom: Darkroom }) {
  return (
    <section class="card p-4 flex flex-wrap items-center gap-4" aria-label={words.model}>
      <Icon name="models" />
      <span>
        <b data-testid="model">{props.darkroom.model()?.name}</b>{' '}
        <span class="hint">
          {props.darkroom.model()?.family} {props.darkroom.device()}
        </span>
      </span>
      <label class="btn ml-auto relative">
        {words.openModel}
        <input
          type="file"
          accept=".safetensors,.ckpt,.pt,.gguf,.yaml,.json"
          multiple
          class="absolute inset-0 opacity-0 cursor-pointer"
          disabled={props.darkroom.busy() !== undefined}
          onChange={({ currentTarget: { files } }) => files?.length && props.darkroom.open([...files])}
        />
      </label>
    </section>
  );
}

/** What is worked on, what went wrong, and what should be known. */
function Told(props: { readonly darkroom: Darkroom }) {
  return (
    <div class="stack pt-4" aria-live="polite">
      <p data-testid="doing" class="hint min-h-6">
        {props.darkroom.doing()}
      </p>
      <Show when={props.darkroom.problem()}>
        <p role="alert" class="problem-text">
          {props.darkroom.problem()}
        </p>
      </Show>
      <For each={props.darkroom.warnings()}>
        {(message) => (
          <p class="row hint">
            <Icon name="warning" /> {message}
          </p>
        )}
      </For>
    </div>
  );
}
