/** Pictures to train on that the studio keeps: which sets there are, and a new one. */

import { A, useNavigate } from '@solidjs/router';
import { For, Show } from 'solid-js';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

export function Datasets() {
  const studio = useStudio();
  const navigate = useNavigate();
  const mayMake = useMayMake();
  const datasets = useQuery(() => ({
    queryKey: keys.datasets,
    queryFn: async () => (await studio.api.listDatasets()).datasets,
  }));
  const create = async (name: string) => {
    const made = await studio.attempt(async () => await studio.api.createDataset({ name }));
    if (!made) return;
    await studio.client.invalidateQueries({ queryKey: keys.datasets });
    navigate(`/datasets/${encodeURIComponent(made.name)}`);
  };
  return (
    <section class="stack" aria-label={words().datasets.title}>
      <h2 class="title">{words().datasets.title}</h2>
      <ul class="flex flex-wrap gap-2">
        <Show when={datasets.data?.length === 0}>
          <li class="hint max-w-160">{words().datasets.none}</li>
        </Show>
        <For each={datasets.data}>
          {({ name, pictures }) => (
            <li>
              <A class="btn" href={`/datasets/${encodeURIComponent(name)}`}>
                <Icon name="gallery" /> {name} <span class="hint tabular-nums">{pictures}</span>
              </A>
            </li>
          )}
        </For>
      </ul>
      <form
        class="row"
        classList={{ hidden: !mayMake() }}
        onSubmit={(event) => {
          event.preventDefault();
          const input = event.currentTarget.elements.namedItem('name') as HTMLInputElement;
          if (input.value.trim() !== '') void create(input.value.trim());
        }}
      >
        <input
          name="name"
          class="field-box flex-1 max-w-60 min-w-0"
          aria-label={words().datasets.name}
          placeholder={words().datasets.name}
          autocomplete="off"
        />
        <button type="submit" class="btn">
          {words().datasets.create}
        </button>
      </form>
    </section>
  );
}
