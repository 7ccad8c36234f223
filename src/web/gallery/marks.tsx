/** What people say of a picture: stars and tags. */

import { For } from 'solid-js';
import type { WireImage } from '#server/native/wire';
import { useStudio } from '../state/studio.tsx';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { usePictureActions } from './picture-actions.ts';

export function Stars(props: { readonly image: WireImage }) {
  const { rate } = usePictureActions();
  return (
    <Group class="row gap-0" label={words().picture.rating}>
      <For each={[1, 2, 3, 4, 5]}>
        {(stars) => (
          <button
            type="button"
            class="btn-quiet px-1 text-xl"
            classList={{ 'text-accent': stars <= props.image.rating, 'text-dim': stars > props.image.rating }}
            aria-label={words().picture.stars(stars)}
            aria-pressed={stars === props.image.rating}
            onClick={() => rate(props.image, stars === props.image.rating ? 0 : stars)}
          >
            {stars <= props.image.rating ? '★' : '☆'}
          </button>
        )}
      </For>
    </Group>
  );
}

export function Tags(props: { readonly image: WireImage }) {
  const studio = useStudio();
  const set = (tags: string[]) => void studio.attempt(() => studio.api.changeImage({ id: props.image.id, tags }));
  return (
    <Group class="flex flex-wrap items-center gap-2" label={words().picture.tags}>
      <For each={props.image.tags}>
        {(tag) => (
          <button
            type="button"
            class="chip"
            aria-label={`${words().common.remove}: ${tag}`}
            onClick={() => set(props.image.tags.filter((each) => each !== tag))}
          >
            {tag} <Icon name="close" class="size-4" />
          </button>
        )}
      </For>
      <form
        class="max-w-full"
        onSubmit={(event) => {
          event.preventDefault();
          const input = event.currentTarget.elements.namedItem('tag') as HTMLInputElement;
          const tag = input.value.trim();
          if (tag !== '') set([...props.image.tags, tag]);
          input.value = '';
        }}
      >
        <input
          name="tag"
          class="field-box min-h-8 py-1 w-48"
          placeholder={words().picture.addTag}
          aria-label={words().picture.addTag}
        />
      </form>
    </Group>
  );
}
