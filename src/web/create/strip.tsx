/** The latest pictures in a row, to look at again. */

import { A } from '@solidjs/router';
import { For, Show } from 'solid-js';
import { words } from '../words/index.ts';
import { useLatestPictures } from './latest.ts';

const most = 24;

export function Strip() {
  const pictures = useLatestPictures();
  return (
    <Show when={pictures().length > 0}>
      <section aria-label={words().stage.strip} class="border-t border-line bg-panel shrink-0">
        <ul class="flex gap-2 p-2 overflow-x-auto">
          <For each={pictures().slice(0, most)}>
            {(image) => (
              <li class="shrink-0">
                <A href={`/gallery/${image.id}`} title={image.prompt}>
                  <img
                    src={image.thumbnailUrl}
                    alt={image.prompt || words().stage.withoutPrompt}
                    class="size-20 object-cover rounded-lg bg-sunk"
                    width="80"
                    height="80"
                    loading="lazy"
                    decoding="async"
                  />
                </A>
              </li>
            )}
          </For>
        </ul>
      </section>
    </Show>
  );
}
