/** The picture that the new one begins from: dropped, chosen, or sent here from the gallery. */

import { Show } from 'solid-js';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

/** A gallery's picture is named, not copied. */
const named = /^image:(.+)$/;

export function StartPicture() {
  const studio = useStudio();
  const { draft } = studio;
  const start = () => draft.values()['init'] as string | undefined;
  const shown = () => {
    const id = named.exec(start() ?? '')?.[1];
    return id === undefined ? start() : `/api/v1/images/${id}/thumbnail`;
  };
  const take = async (file: File | undefined) => {
    if (!file) return;
    if (!file.type.startsWith('image/')) return studio.say({ kind: 'error', text: words().create.tooBig });
    draft.set('init', await dataUrl(file));
  };
  return (
    <section
      class="flex flex-col gap-2"
      aria-label={words().create.start}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <h2 class="text-sm font-semibold text-dim">{words().create.start}</h2>
      <Show
        when={start()}
        fallback={
          <label class="border border-dashed border-line rounded-lg p-4 text-center hint cursor-pointer hover:border-dim">
            {words().create.startHint}
            <input
              type="file"
              accept="image/*"
              class="sr-only"
              onChange={(event) => void take(event.currentTarget.files?.[0])}
            />
          </label>
        }
      >
        <div class="row card p-2">
          <img src={shown()} alt={words().create.start} class="size-20 object-cover rounded-lg" />
          <button type="button" class="btn ml-auto" onClick={() => draft.set('init', undefined)}>
            <Icon name="close" /> {words().common.remove}
          </button>
        </div>
      </Show>
    </section>
  );
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error('the file could not be read'));
    reader.readAsDataURL(file);
  });
}
