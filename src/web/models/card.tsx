/** One model: what it is, whether it can draw, and what to do with it. */

import { A } from '@solidjs/router';
import { createMemo, For, Show } from 'solid-js';
import type { WireModel } from '#server/native/wire';
import { fileAddress } from '../api.ts';
import { Icon } from '../ui/icon.tsx';
import { modelFacts } from '../words/figures.ts';
import { words } from '../words/index.ts';
import { ModelActions } from './actions.tsx';

export function ModelCard(props: { readonly model: WireModel }) {
  const triggers = createMemo(() => props.model.card.triggerWords ?? []);
  return (
    <li class="card p-4 flex flex-col gap-2 min-w-0 [overflow-wrap:anywhere]">
      <div class="flex items-start gap-3">
        <Show
          when={props.model.hasPreview}
          fallback={
            <div class="size-16 shrink-0 rounded-lg bg-sunk flex items-center justify-center text-dim">
              <Icon name="models" class="size-8" />
            </div>
          }
        >
          <img
            src={fileAddress('getModelPreview', { id: props.model.id })}
            alt=""
            loading="lazy"
            class="size-16 shrink-0 rounded-lg object-cover"
          />
        </Show>
        <div class="min-w-0">
          <h2 class="font-semibold">
            <A href={`/models/${props.model.id}`} title={props.model.title} class="text-ink hover:text-accent">
              {props.model.name}
            </A>
          </h2>
          <p class="hint">{words().models.kinds[props.model.kind] ?? props.model.kind}</p>
        </div>
      </div>
      <p class="hint">{modelFacts(props.model, words())}</p>
      <Show when={props.model.about}>
        <p class="text-sm truncate-2">{props.model.about}</p>
      </Show>
      <Show when={props.model.problem}>
        <p class="problem-text row items-start">
          <Icon name="warning" /> {words().models.problem(props.model.problem!)}
        </p>
      </Show>
      <Show when={triggers().length > 0}>
        <p class="flex flex-wrap gap-1" title={words().models.words}>
          <For each={triggers()}>{(word) => <code class="px-1 rounded bg-sunk text-xs">{word}</code>}</For>
        </p>
      </Show>
      <div class="flex flex-wrap gap-2 mt-auto pt-2 empty:hidden">
        <ModelActions model={props.model} />
      </div>
    </li>
  );
}
