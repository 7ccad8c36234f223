/** The latest pictures in a row, to look at again, each with a menu of what can be done with it. */

import { A } from '@solidjs/router';
import { For, Show } from 'solid-js';
import type { WireImage } from '#server/native/wire';
import { PictureMenu, usePictureMenu } from '../gallery/picture-menu.tsx';
import { Icon } from '../ui/icon.tsx';
import { useKeptFocus } from '../ui/kept-focus.ts';
import { words } from '../words/index.ts';
import { useLatestPictures } from './latest.ts';

const most = 24;

export function Strip() {
  const latest = useLatestPictures();
  const pictures = () => latest().slice(0, most);
  const menu = usePictureMenu(pictures);
  const keptFocus = useKeptFocus(pictures);
  return (
    <Show when={pictures().length > 0}>
      <section aria-label={words().stage.strip} class="border-t border-line bg-panel shrink-0" {...keptFocus}>
        <ul class="flex gap-2 p-2 overflow-x-auto">
          <For each={pictures()}>
            {(image, at) => <Item image={image} at={at()} onMenu={(beside) => menu.open(image, beside)} />}
          </For>
        </ul>
        <PictureMenu menu={menu} />
      </section>
    </Show>
  );
}

interface ItemProps {
  readonly image: WireImage;
  readonly at: number;
  readonly onMenu: (beside: Element) => void;
}

function Item(props: ItemProps) {
  const name = () => props.image.prompt || words().stage.withoutPrompt;
  return (
    <li
      class="group relative shrink-0"
      onContextMenu={(event) => {
        event.preventDefault();
        props.onMenu(event.currentTarget);
      }}
    >
      <A href={`/gallery/${props.image.id}`} title={props.image.prompt}>
        <img
          src={props.image.thumbnailUrl}
          alt={name()}
          class="size-20 object-cover rounded-lg bg-sunk"
          width="80"
          height="80"
          loading="lazy"
          decoding="async"
        />
      </A>
      <button
        type="button"
        class="absolute top-1 right-1 size-7 p-0 inline-flex items-center justify-center rounded-md border border-line bg-panel text-ink cursor-pointer opacity-80 hover:opacity-100 focus:opacity-100 media-mouse:(opacity-0 group-hover:opacity-100 focus:opacity-100)"
        aria-label={words().stage.menu(name())}
        title={words().stage.menuHint}
        aria-haspopup="true"
        data-at={props.at}
        onClick={(event) => props.onMenu(event.currentTarget)}
      >
        <Icon name="dots" class="size-4" />
      </button>
    </li>
  );
}
