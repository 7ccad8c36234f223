/** Where each part of the prompt acts: rectangles drawn by dragging over the picture, or typed. */

import { createSignal, For, Show } from 'solid-js';
import { splitComposition } from '#prompt/composition';
import { type Region, readRegions, wholeRegion, writeRegions } from '#prompt/regions';
import { settingValue } from '../state/draft.ts';
import type { SettingField } from '../state/fields.ts';
import { useLimits } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import type { FieldIds } from '../ui/field.tsx';
import { Group } from '../ui/group.tsx';
import { words } from '../words/index.ts';
import { useLatestPictures } from './latest.ts';

interface RegionsControlProps {
  readonly field: SettingField;
  readonly ids: FieldIds;
}

export function RegionsControl(props: RegionsControlProps) {
  const { draft } = useStudio();
  const [chosen, setChosen] = createSignal(0);
  const text = () => String(settingValue(draft.values(), props.field) ?? '');
  const parts = () => {
    const prompt = draft.fields().find(({ control }) => control === 'prompt');
    const said = prompt === undefined ? '' : String(draft.values()[prompt.name] ?? '');
    return splitComposition(said).map((part) => part.text.trim());
  };
  const regions = () => readRegions(text()) ?? [];
  const put = (region: Region) => {
    const next = parts().map((_, at) => (at === chosen() ? region : (regions()[at] ?? wholeRegion)));
    draft.set(props.field.name, writeRegions(next));
    setChosen((at) => (at + 1) % parts().length);
  };
  return (
    <div class="stack">
      <Show when={parts().length > 1} fallback={<p class="hint">{words().regions.hint}</p>}>
        <Group class="flex flex-wrap gap-1" label={words().regions.parts}>
          <For each={parts()}>
            {(part, at) => (
              <button
                type="button"
                class="chip max-w-full"
                aria-pressed={chosen() === at()}
                onClick={() => setChosen(at())}
              >
                <span class="size-3 shrink-0 rounded-sm" style={{ background: colourOf(at()) }} />
                <span class="truncate">{part}</span>
              </button>
            )}
          </For>
        </Group>
        <Board regions={regions()} colour={colourOf(chosen())} onDraw={put} />
        <button type="button" class="btn self-start" onClick={() => put(wholeRegion)}>
          {words().regions.whole}
        </button>
      </Show>
      <input
        {...props.ids}
        class="field-box"
        title={props.field.help}
        placeholder="0-0.5:0-1; 0.5-1:0-1"
        value={text()}
        onChange={({ currentTarget: { value } }) => draft.set(props.field.name, value.trim() || undefined)}
      />
    </div>
  );
}

/** Far apart for neighbours: the golden angle. */
const colourOf = (part: number): string => `hsl(${Math.round(part * 137.5 + 10) % 360} 75% 50%)`;

interface BoardProps {
  readonly regions: readonly Region[];
  /** Of what is drawn. */
  readonly colour: string;
  readonly onDraw: (region: Region) => void;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** The latest picture, faint, in the shape of the next; a drag over it is a region. */
function Board(props: BoardProps) {
  const { draft } = useStudio();
  const pictures = useLatestPictures();
  const limits = useLimits();
  const [from, setFrom] = createSignal<Place>();
  const [to, setTo] = createSignal<Place>();
  let board!: HTMLDivElement;
  const ratio = () => {
    const sides = draft.fields().filter(({ control }) => control === 'size');
    const [width, height] = sides.map(({ name }) => draft.values()[name]);
    const own = limits.data?.defaultSize;
    return `${Number(width ?? own?.width ?? 1)} / ${Number(height ?? own?.height ?? 1)}`;
  };
  const placeOf = (event: PointerEvent): Place => {
    const box = board.getBoundingClientRect();
    const within = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * 100) / 100;
    return { x: within((event.clientX - box.left) / box.width), y: within((event.clientY - box.top) / box.height) };
  };
  const drawn = (): Region | undefined => {
    const [a, b] = [from(), to()];
    if (!a || !b || a.x === b.x || a.y === b.y) return undefined;
    return {
      left: Math.min(a.x, b.x),
      right: Math.max(a.x, b.x),
      top: Math.min(a.y, b.y),
      bottom: Math.max(a.y, b.y),
    };
  };
  const end = () => {
    const region = drawn();
    setFrom(undefined);
    setTo(undefined);
    if (region) props.onDraw(region);
  };
  return (
    <div
      ref={board}
      role="img"
      aria-label={words().regions.board}
      class="relative w-full max-w-60 rounded-lg bg-sunk border border-line overflow-hidden touch-none cursor-crosshair select-none"
      style={{ 'aspect-ratio': ratio() }}
      onPointerDown={(event) => {
        board.setPointerCapture(event.pointerId);
        setFrom(placeOf(event));
        setTo(undefined);
      }}
      onPointerMove={(event) => from() && setTo(placeOf(event))}
      onPointerUp={end}
      onPointerCancel={() => setFrom(undefined)}
    >
      <Show when={pictures()[0]}>
        {(image) => (
          <img src={image().thumbnailUrl} alt="" draggable={false} class="size-full object-cover opacity-40" />
        )}
      </Show>
      <For each={props.regions}>
        {(region, at) => <Frame region={region} colour={colourOf(at())} label={at() + 1} />}
      </For>
      <Show when={drawn()}>{(region) => <Frame region={region()} colour={props.colour} />}</Show>
    </div>
  );
}

function Frame(props: { readonly region: Region; readonly colour: string; readonly label?: number }) {
  const percent = (part: number) => `${part * 100}%`;
  return (
    <div
      class="absolute border-2 pointer-events-none"
      style={{
        'border-color': props.colour,
        left: percent(props.region.left),
        top: percent(props.region.top),
        width: percent(props.region.right - props.region.left),
        height: percent(props.region.bottom - props.region.top),
      }}
    >
      <Show when={props.label}>
        <span
          class="absolute top-0.5 px-1 rounded bg-black/70 text-white text-xs"
          // Side by side where corners meet.
          style={{ left: `${(props.label ?? 1) * 1.25 - 1.1}rem` }}
        >
          {props.label}
        </span>
      </Show>
    </div>
  );
}
