/** Two pictures in one place, the one up to a divider, the other beyond it. */

import { createMemo, createSignal, For, Show } from 'solid-js';
import type { WireImage } from '#server/native/wire';
import { words } from '../words/index.ts';
import { useLatestPictures } from './latest.ts';

export default function Compare() {
  const pictures = useLatestPictures();
  const [left, setLeft] = createSignal<string>();
  const [right, setRight] = createSignal<string>();
  const [at, setAt] = createSignal(0.5);
  const pair = createMemo(() => {
    const of = (id: string | undefined, otherwise: WireImage | undefined) =>
      pictures().find((picture) => picture.id === id) ?? otherwise;
    const before = of(left(), pictures()[1]);
    const after = of(right(), pictures()[0]);
    return before && after ? ([before, after] as const) : undefined;
  });
  return (
    <Show
      when={pair()}
      fallback={<p class="flex-1 flex items-center justify-center text-dim p-6">{words().compare.needsTwo}</p>}
    >
      {(both) => (
        <div class="flex-1 min-h-0 flex flex-col gap-3 p-3">
          <div class="flex-1 picture-room relative">
            <img src={both()[0].url} alt={both()[0].prompt} class="absolute inset-0 size-full object-contain" />
            <img
              src={both()[1].url}
              alt={both()[1].prompt}
              class="absolute inset-0 size-full object-contain bg-ground"
              style={{ 'clip-path': `inset(0 0 0 ${at() * 100}%)` }}
            />
            <div class="absolute inset-y-0 w-0.5 bg-accent pointer-events-none" style={{ left: `${at() * 100}%` }} />
            <input
              type="range"
              class="absolute inset-0 size-full opacity-0 cursor-ew-resize"
              aria-label={words().compare.divider}
              min={0}
              max={1}
              step={0.01}
              value={at()}
              onInput={(event) => setAt(event.currentTarget.valueAsNumber)}
            />
          </div>
          <div class="grid grid-cols-2 gap-3">
            <Pick label={words().compare.of} pictures={pictures()} chosen={both()[0].id} onChoose={setLeft} />
            <Pick label={words().compare.with} pictures={pictures()} chosen={both()[1].id} onChoose={setRight} />
          </div>
        </div>
      )}
    </Show>
  );
}

interface PickProps {
  readonly label: string;
  readonly pictures: readonly WireImage[];
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
}

const most = 40;

function Pick(props: PickProps) {
  return (
    <fieldset class="border-0 p-0 m-0 min-w-0">
      <legend class="hint pb-1">{props.label}</legend>
      <ul class="flex gap-1 overflow-x-auto pb-1">
        <For each={props.pictures.slice(0, most)}>
          {(picture) => (
            <li class="shrink-0">
              <button
                type="button"
                class="p-0 rounded-lg border-2 bg-sunk cursor-pointer"
                classList={{
                  'border-accent': picture.id === props.chosen,
                  'border-transparent': picture.id !== props.chosen,
                }}
                aria-pressed={picture.id === props.chosen}
                aria-label={picture.prompt || words().stage.withoutPrompt}
                onClick={() => props.onChoose(picture.id)}
              >
                <img src={picture.thumbnailUrl} alt="" class="size-14 object-cover rounded-md" loading="lazy" />
              </button>
            </li>
          )}
        </For>
      </ul>
    </fieldset>
  );
}
