/** Before the first picture: what to do, prompts to try, and what the embedded model can and cannot. */

import { For, Show } from 'solid-js';
import type { Studio } from '../studio.ts';

/** In the words of the embedded model's training scenes, so that the first try fits what it knows. */
const examples = [
  'a fox beside a tree at night',
  'a red car on the beach at sunset',
  'two cats in the snow',
  'a castle in the mountains by day',
];

export function Empty(props: { readonly studio: Studio }) {
  const { studio } = props;
  return (
    <div class="empty">
      <div class="safelight" />
      <h2>Make your first picture</h2>
      <p>Write what you want to see and press Generate. Or begin with one of these:</p>
      <div class="examples">
        <For each={examples}>
          {(prompt) => (
            <button type="button" onClick={() => studio.change({ prompt })}>
              {prompt}
            </button>
          )}
        </For>
      </div>
      <ul class="hints">
        <Show when={studio.chosenModel()?.embedded}>
          <li>
            <b>The model that comes with Darkroom is tiny.</b> It shows that everything works, in seconds and without a
            download. For real pictures start with <code>--models-dir</code> and a folder of Stable Diffusion
            checkpoints.
          </li>
        </Show>
        <li>
          Weights work as usual: <code>(red:1.3)</code> is stronger, <code>[red]</code> weaker. <kbd>Ctrl</kbd>{' '}
          <kbd>⏎</kbd> generates from anywhere.
        </li>
        <li>Pictures are plain files in the outputs folder, with their settings inside.</li>
      </ul>
    </div>
  );
}
