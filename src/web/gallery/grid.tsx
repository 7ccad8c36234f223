/** Pictures in rows; only the rows near the window are in the document. Arrows move, Enter opens, Space selects. */

import { createWindowVirtualizer } from '@tanstack/solid-virtual';
import { createEffect, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { WireImage } from '#server/native/wire';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { PictureMenu, usePictureMenu } from './picture-menu.tsx';

interface GridProps {
  readonly images: readonly WireImage[];
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (ids: ReadonlySet<string>) => void;
  readonly onOpen: (id: string) => void;
  /** The last row is near. */
  readonly onEnd: () => void;
}

const gap = 8;
const leastWidth = 160;
/** So many below the window more are asked for: a fast wheel does not stop there. */
const rowsAhead = 16;

export function Grid(props: GridProps) {
  let list!: HTMLUListElement;
  const menu = usePictureMenu(() => props.images);
  const [width, setWidth] = createSignal(innerWidth);
  const [top, setTop] = createSignal(0);
  const columns = () => Math.max(2, Math.floor((width() + gap) / (leastWidth + gap)));
  const side = () => (width() - gap * (columns() - 1)) / columns();
  const rows = () => Math.ceil(props.images.length / columns());
  onMount(() => {
    const watch = new ResizeObserver(() => {
      setWidth(list.clientWidth);
      setTop(list.offsetTop);
    });
    watch.observe(list);
    onCleanup(() => watch.disconnect());
  });
  const virtual = createWindowVirtualizer({
    get count() {
      return rows();
    },
    estimateSize: () => side() + gap,
    overscan: 3,
    get scrollMargin() {
      return top();
    },
  });
  createEffect(() => {
    side();
    virtual.measure();
  });
  createEffect(() => {
    const last = virtual.getVirtualItems().at(-1);
    if (last && last.index >= rows() - rowsAhead) props.onEnd();
  });

  const { select, begin } = useRange(props);
  const onClick = (at: number, event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || props.selected.size > 0) select(at, event);
    else props.onOpen(props.images[at]!.id);
  };
  const onKeyDown = (at: number, event: KeyboardEvent) => {
    const moves: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns(),
      ArrowDown: columns(),
    };
    if (event.key === ' ') {
      event.preventDefault();
      select(at, event);
    }
    const to = at + (moves[event.key] ?? 0);
    if (to === at || to < 0 || to >= props.images.length) return;
    event.preventDefault();
    if (event.shiftKey) {
      begin(at);
      select(to, event);
    }
    virtual.scrollToIndex(Math.floor(to / columns()));
    requestAnimationFrame(() => list.querySelector<HTMLElement>(`[data-at="${to}"]`)?.focus());
  };

  return (
    <section aria-label={words().gallery.title}>
      <ul ref={list} class="relative w-full" style={{ height: `${virtual.getTotalSize()}px` }}>
        <For each={virtual.getVirtualItems()}>
          {(row) => (
            <For each={props.images.slice(row.index * columns(), (row.index + 1) * columns())}>
              {(image, column) => {
                const at = () => row.index * columns() + column();
                return (
                  <li
                    class="absolute"
                    onContextMenu={(event) => {
                      event.preventDefault();
                      menu.open(image, event.currentTarget);
                    }}
                    style={{
                      top: `${row.start - top()}px`,
                      left: `${column() * (side() + gap)}px`,
                      width: `${side()}px`,
                      height: `${side()}px`,
                    }}
                  >
                    <Tile
                      image={image}
                      at={at()}
                      selected={props.selected.size > 0 ? props.selected.has(image.id) : undefined}
                      onClick={(event) => onClick(at(), event)}
                      onKeyDown={(event) => onKeyDown(at(), event)}
                    />
                  </li>
                );
              }}
            </For>
          )}
        </For>
      </ul>
      <PictureMenu menu={menu} />
    </section>
  );
}

/** One picture or, with Shift, all from the last one on. */
function useRange(props: GridProps) {
  let anchor = 0;
  const select = (at: number, event: MouseEvent | KeyboardEvent) => {
    const next = new Set(props.selected);
    const id = props.images[at]!.id;
    if (event.shiftKey) {
      const [from, to] = [Math.min(anchor, at), Math.max(anchor, at)];
      for (const image of props.images.slice(from, to + 1)) next.add(image.id);
    } else {
      if (!next.delete(id)) next.add(id);
      anchor = at;
    }
    props.onSelect(next);
  };
  /** Where a range begins that goes on from here. */
  const begin = (at: number) => {
    if (props.selected.size === 0) anchor = at;
  };
  return { select, begin };
}

interface TileProps {
  readonly image: WireImage;
  readonly at: number;
  /** Undefined where nothing is. */
  readonly selected: boolean | undefined;
  readonly onClick: (event: MouseEvent) => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

function Tile(props: TileProps) {
  return (
    <button
      type="button"
      data-at={props.at}
      class="relative size-full p-0 border-2 border-transparent rounded-lg overflow-hidden bg-sunk cursor-pointer aria-pressed:border-accent"
      aria-pressed={props.selected}
      title={props.image.prompt}
      onClick={(event) => props.onClick(event)}
      onKeyDown={(event) => props.onKeyDown(event)}
    >
      <img
        src={props.image.thumbnailUrl}
        alt={props.image.prompt || words().stage.withoutPrompt}
        class="size-full object-cover"
        loading="lazy"
        decoding="async"
      />
      <Show when={props.selected}>
        <span class="absolute top-1 right-1 size-6 rounded-full bg-accent text-on-accent inline-flex items-center justify-center">
          <Icon name="check" class="size-4" />
        </span>
      </Show>
      <Show when={props.image.rating > 0}>
        <span class="absolute bottom-1 left-1 px-1 rounded bg-black/60 text-white text-xs" aria-hidden="true">
          {'★'.repeat(props.image.rating)}
        </span>
      </Show>
    </button>
  );
}
