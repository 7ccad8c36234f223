/** A small view of a picture by its name in drafts; nothing where it is no more. */

import { createResource, onCleanup, Show, Suspense } from 'solid-js';
import { fileAddress } from '../api.ts';
import { addressOfPicture, galleryId } from '../canvas/pictures.ts';

interface ThumbnailProps {
  readonly name: string;
  readonly alt: string;
}

export function Thumbnail(props: ThumbnailProps) {
  return (
    <Suspense fallback={<span class="size-20 rounded-lg bg-sunk" />}>
      <Shown {...props} />
    </Suspense>
  );
}

function Shown(props: ThumbnailProps) {
  const [address] = createResource(
    () => props.name,
    async (name) => {
      const id = galleryId(name);
      return id === undefined ? await addressOfPicture(name) : fileAddress('getThumbnail', { id });
    },
  );
  onCleanup(() => {
    if (address.latest?.startsWith('blob:')) URL.revokeObjectURL(address.latest);
  });
  return (
    <Show when={address()}>
      {(source) => <img src={source()} alt={props.alt} class="size-20 object-cover rounded-lg bg-sunk" />}
    </Show>
  );
}
