/** Before the first picture: examples that draw at one click, a real model, one's own folder. */

import { A } from '@solidjs/router';
import { For, Show } from 'solid-js';
import { AddFolder } from '../models/add-folder.tsx';
import { useChosenModel } from '../state/queries.ts';
import { useMayMake } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

/** In words that the embedded model knows, so that the first try fits; the pictures are its own, unpicked seeds. */
const examples: readonly { readonly prompt: string; readonly picture: string }[] = [
  { prompt: 'a fox beside a tree at night', picture: '/examples/fox.webp' },
  { prompt: 'a red car on the beach at sunset', picture: '/examples/car.webp' },
  { prompt: 'two cats in the snow', picture: '/examples/cats.webp' },
  { prompt: 'a castle in the mountains by day', picture: '/examples/castle.webp' },
  { prompt: 'an owl in the forest at night', picture: '/examples/owl.webp' },
  { prompt: 'a sailboat on the sea at sunset', picture: '/examples/sailboat.webp' },
];

export function FirstMinute(props: { readonly onGenerate: (prompt: string) => void }) {
  const model = useChosenModel();
  const mayMake = useMayMake();
  return (
    <div class="w-full max-w-160 flex flex-col gap-3 md:gap-4 my-auto">
      <div class="text-center">
        <h1 class="text-2xl font-semibold">{words().first.title}</h1>
        <p class="text-dim">{words().first.lead}</p>
      </div>
      <ul class="grid grid-cols-2 sm:grid-cols-3 gap-3" aria-label={words().first.examples}>
        <For each={examples}>
          {({ prompt, picture }) => (
            <li>
              <button
                type="button"
                class="card w-full p-0 overflow-hidden text-left cursor-pointer text-ink hover:border-accent disabled:cursor-not-allowed"
                disabled={!mayMake()}
                onClick={() => props.onGenerate(prompt)}
              >
                <img src={picture} alt="" class="w-full aspect-square object-cover" width="192" height="192" />
                <span class="block px-3 py-2 text-sm truncate">{prompt}</span>
              </button>
            </li>
          )}
        </For>
      </ul>
      <div class="grid md:grid-cols-2 gap-3">
        <Show when={model()?.embedded}>
          <A href="/models?get" class="card p-4 no-underline text-ink hover:border-accent">
            <h2 class="font-semibold row">
              {words().first.real} <Icon name="right" class="size-4 ml-auto" />
            </h2>
            <p class="hint">{words().first.realHint}</p>
          </A>
        </Show>
        <div class="card p-4">
          <h2 class="font-semibold">{words().first.folder}</h2>
          <p class="hint">{words().first.folderHint}</p>
          <div class="pt-2">
            <AddFolder />
          </div>
        </div>
      </div>
    </div>
  );
}
