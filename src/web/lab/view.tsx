/** Lab: what can be done besides drawing and training, by what it is done with. */

import { A } from '@solidjs/router';
import { For } from 'solid-js';
import { PageHead } from '../ui/page-head.tsx';
import { words } from '../words/index.ts';
import { useTools } from './tools.ts';

export default function Lab() {
  const { tools } = useTools();
  const places = () => [...new Set(tools().map(({ on }) => on))];
  return (
    <div class="flex-1 flex flex-col gap-6 px-3 md:px-6 pb-8 w-full max-w-300">
      <PageHead title={words().lab.title} />
      <For each={places()}>
        {(place) => (
          <section class="stack" aria-label={words().lab.on[place]}>
            <h2 class="title">{words().lab.on[place]}</h2>
            <ul class="grid sm:grid-cols-2 lg:grid-cols-3 gap-3">
              <For each={tools().filter(({ on }) => on === place)}>
                {({ name, title, about }) => (
                  <li>
                    <A href={`/lab/${name}`} class="card block h-full p-4 no-underline text-ink hover:border-accent">
                      <span class="font-semibold">{title}</span>
                      <span class="hint block pt-1">{about}</span>
                    </A>
                  </li>
                )}
              </For>
            </ul>
          </section>
        )}
      </For>
    </div>
  );
}
