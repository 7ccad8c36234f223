/** The last pictures, newest first. */

import { For, Show } from 'solid-js';
import type { Studio } from '../studio.ts';

interface GalleryProps {
  readonly studio: Studio;
  readonly onShow: (id: string) => void;
}

export function Gallery(props: GalleryProps) {
  const pictures = () => props.studio.pictures();
  return (
    <Show when={pictures().images.length > 0}>
      <section class="gallery" aria-label="Pictures">
        <h2>
          Pictures <span class="number-of">{pictures().total}</span>
        </h2>
        <ul class="grid">
          <For each={pictures().images}>
            {(image) => (
              <li>
                <button type="button" onClick={() => props.onShow(image.id)}>
                  <img
                    src={image.thumbnailUrl}
                    alt={image.prompt || 'Picture without a prompt'}
                    width={image.width}
                    height={image.height}
                    loading="lazy"
                    decoding="async"
                  />
                  <span aria-hidden="true">{image.prompt}</span>
                </button>
              </li>
            )}
          </For>
        </ul>
        <Show when={pictures().cursor}>
          <button type="button" class="more" onClick={() => void props.studio.morePictures()}>
            Show more
          </button>
        </Show>
      </section>
    </Show>
  );
}
