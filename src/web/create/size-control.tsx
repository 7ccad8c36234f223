/** Width and height: shapes of the model's own area, or sides that it takes. */

import { For, Show } from 'solid-js';
import { frameOf } from '../state/drawing.ts';
import type { SettingField } from '../state/fields.ts';
import { useLimits } from '../state/queries.ts';
import { type Shape, type Size, sameSize, shapesFor, snapSide } from '../state/shapes.ts';
import { useStudio } from '../state/studio.tsx';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { NumberInput } from '../ui/number-input.tsx';
import { words } from '../words/index.ts';

/** `fields`: the width, then the height. */
export function SizeControl(props: { readonly fields: readonly SettingField[] }) {
  const { draft, drawing } = useStudio();
  const limits = useLimits();
  const names = () => props.fields.map(({ name }) => name) as [string, string];
  const size = (): Size => {
    const [width, height] = names().map((name) => draft.values()[name]);
    const own = likeStart() ?? limits.data?.defaultSize ?? { width: 0, height: 0 };
    return {
      width: typeof width === 'number' ? width : own.width,
      height: typeof height === 'number' ? height : own.height,
    };
  };
  /** Where no size is asked for, the start picture's, with what the canvas added. */
  const likeStart = (): Size | undefined => {
    const drawn = drawing.present();
    return draft.values()['init'] !== undefined && drawn.picture === draft.values()['init']
      ? frameOf(drawn)
      : undefined;
  };
  const setSize = ({ width, height }: Size) => {
    const [first, second] = names();
    draft.replace({ ...draft.values(), [first]: width, [second]: height });
  };
  const shapes = () => (limits.data ? shapesFor(limits.data, props.fields[0]!) : []);
  const snap = (field: SettingField) => (value: number) =>
    limits.data ? snapSide(Number.isFinite(value) ? value : size().width, limits.data, field) : value;
  const error = () =>
    names()
      .map((name) => draft.errors()[name])
      .find((text) => text !== undefined);
  return (
    <Show when={limits.data} fallback={<div class="min-h-27" />}>
      <Group class="flex flex-col gap-2" label={words().create.size}>
        <div class="flex flex-wrap gap-1">
          <For each={shapes()}>
            {(shape) => <ShapeButton shape={shape} chosen={sameSize(shape, size())} onChoose={() => setSize(shape)} />}
          </For>
        </div>
        <div class="row">
          <NumberInput
            label={words().create.width}
            value={size().width}
            step={limits.data!.gridMultiple}
            fitted={snap(props.fields[0]!)}
            onChange={(width) => setSize({ ...size(), width })}
          />
          <button
            type="button"
            class="btn-quiet px-2"
            aria-label={words().create.swap}
            title={words().create.swap}
            onClick={() => setSize({ width: size().height, height: size().width })}
          >
            <Icon name="swap" />
          </button>
          <NumberInput
            label={words().create.height}
            value={size().height}
            step={limits.data!.gridMultiple}
            fitted={snap(props.fields[1]!)}
            onChange={(height) => setSize({ ...size(), height })}
          />
        </div>
        <small class={error() ? 'problem-text' : 'hint'}>
          {error() ?? words().create.sidesOf(limits.data!.sizeMultiple)}
        </small>
      </Group>
    </Show>
  );
}

function ShapeButton(props: { readonly shape: Shape; readonly chosen: boolean; readonly onChoose: () => void }) {
  const side = 18;
  const scale = () => side / Math.max(props.shape.width, props.shape.height);
  return (
    <button
      type="button"
      class="chip px-2"
      aria-pressed={props.chosen}
      title={`${props.shape.width} × ${props.shape.height}`}
      onClick={() => props.onChoose()}
    >
      <svg width={side} height={side} viewBox={`0 0 ${side} ${side}`} aria-hidden="true">
        <rect
          x={(side - props.shape.width * scale()) / 2 + 1}
          y={(side - props.shape.height * scale()) / 2 + 1}
          width={props.shape.width * scale() - 2}
          height={props.shape.height * scale() - 2}
          rx="2"
          fill="none"
          stroke="currentColor"
          stroke-width="1.5"
        />
      </svg>
      <span class="sr-only">{words().create.shapes[props.shape.key]}</span>
    </button>
  );
}
