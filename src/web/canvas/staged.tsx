/** What came of the canvas: each result is looked at over it, then taken as the new start picture or let go. */

import { createMemo, createSignal, For, Show } from 'solid-js';
import { useLatestPictures } from '../create/latest.ts';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { galleryPicture } from './pictures.ts';

export function Staged() {
  const studio = useStudio();
  const pictures = useLatestPictures();
  const results = createMemo(() => {
    const jobs = studio.staged();
    return pictures().filter(({ job }) => job !== undefined && jobs.includes(job));
  });
  const [chosen, setChosen] = createSignal<string>();
  const shown = () => results().find(({ id }) => id === chosen()) ?? results()[0];
  const walk = (step: number) => {
    const at = results().findIndex(({ id }) => id === shown()?.id);
    setChosen(results()[(at + step + results().length) % results().length]?.id);
  };
  const accept = (id: string) => {
    const back = { values: studio.draft.values(), drawing: studio.drawing.present(), staged: studio.staged() };
    studio.startFrom(galleryPicture(id));
    const run = () => {
      studio.draft.replace(back.values);
      studio.drawing.begin(back.drawing);
      studio.setStaged(back.staged);
    };
    studio.say({ kind: 'info', text: words().canvas.accepted, action: { label: words().common.undo, run } });
  };
  return (
    <Show when={shown()}>
      {(image) => (
        <section
          aria-label={words().canvas.results}
          class="bg-panel border-t border-line p-2 flex flex-wrap items-center gap-3"
        >
          <img src={image().url} alt={image().prompt} class="h-40 max-w-full object-contain rounded-lg bg-sunk" />
          <div class="flex flex-col gap-2 flex-1 at-least-50">
            <p class="hint" role="status">
              {words().canvas.result(results().findIndex(({ id }) => id === image().id) + 1, results().length)}
            </p>
            <div class="row flex-wrap">
              <button type="button" class="btn-primary" onClick={() => accept(image().id)}>
                <Icon name="check" /> {words().canvas.accept}
              </button>
              <button type="button" class="btn" onClick={() => studio.setStaged([])}>
                {words().canvas.discard}
              </button>
              <Show when={results().length > 1}>
                <button type="button" class="btn px-2" aria-label={words().picture.newer} onClick={() => walk(-1)}>
                  <Icon name="left" />
                </button>
                <button type="button" class="btn px-2" aria-label={words().picture.older} onClick={() => walk(1)}>
                  <Icon name="right" />
                </button>
              </Show>
            </div>
            <Show when={results().length > 1}>
              <ul class="flex gap-1 overflow-x-auto">
                <For each={results()}>
                  {(each) => (
                    <li>
                      <button
                        type="button"
                        class="p-0 rounded border-2"
                        classList={{
                          'border-accent': each.id === image().id,
                          'border-transparent': each.id !== image().id,
                        }}
                        aria-label={each.prompt || words().stage.withoutPrompt}
                        onClick={() => setChosen(each.id)}
                      >
                        <img src={each.thumbnailUrl} alt="" class="size-10 object-cover rounded" />
                      </button>
                    </li>
                  )}
                </For>
              </ul>
            </Show>
          </div>
        </section>
      )}
    </Show>
  );
}
