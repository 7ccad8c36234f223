/** What the canvas draws with. */

import { For, Show } from 'solid-js';
import { hasLayer, isMasked, type Layer, withoutLayer, withStroke } from '../state/drawing.ts';
import { useStudio } from '../state/studio.tsx';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import type { Brush } from './editor.tsx';

interface ToolbarProps {
  readonly brush: Brush;
  readonly onBrush: (brush: Brush) => void;
  /** The picture has transparent parts. */
  readonly transparent: boolean;
}

const layers: readonly Layer[] = ['mask', 'sketch'];
const tools = ['brush', 'eraser', 'lasso'] as const;

export function Toolbar(props: ToolbarProps) {
  const studio = useStudio();
  const put = (change: Partial<Brush>) => props.onBrush({ ...props.brush, ...change });
  return (
    <div class="flex flex-wrap items-center gap-x-2 gap-y-2 p-2 bg-panel border-b border-line">
      <Group class="row gap-1" label={words().canvas.layer}>
        <For each={layers}>
          {(layer) => (
            <button
              type="button"
              class="chip"
              aria-pressed={props.brush.layer === layer}
              title={words().canvas.layerHints[layer]}
              onClick={() => put({ layer })}
            >
              {words().canvas.layers[layer]}
            </button>
          )}
        </For>
      </Group>
      <Tools brush={props.brush} onPut={put} />
      <Edits {...props} />
      <button
        type="button"
        class="btn-quiet min-h-8 px-2 ml-auto"
        aria-label={words().canvas.close}
        title={words().canvas.close}
        onClick={() => studio.startFrom(undefined)}
      >
        <Icon name="close" class="size-4" />
      </button>
    </div>
  );
}

interface ToolsProps {
  readonly brush: Brush;
  readonly onPut: (change: Partial<Brush>) => void;
}

/** What is drawn with, how wide, and in which colour or how visible. */
function Tools(props: ToolsProps) {
  const range = (name: 'size' | 'opacity') => ({
    value: props.brush[name],
    onInput: ({ currentTarget }: { readonly currentTarget: HTMLInputElement }) =>
      props.onPut({ [name]: currentTarget.valueAsNumber }),
  });
  return (
    <Group class="row gap-1" label={words().canvas.tool}>
      <For each={tools}>
        {(tool) => (
          <button
            type="button"
            class="chip px-2"
            aria-label={words().canvas.tools[tool]}
            title={words().canvas.tools[tool]}
            aria-pressed={props.brush.tool === tool}
            onClick={() => props.onPut({ tool })}
          >
            <Icon name={tool} class="size-4" />
          </button>
        )}
      </For>
      <label class="row gap-1 hint" title={`${words().canvas.size} [ ]`}>
        {words().canvas.sliders.size}
        <input type="range" class="w-14" min={0.005} max={0.5} step={0.005} {...range('size')} />
      </label>
      <Show
        when={props.brush.layer === 'sketch'}
        fallback={
          <label class="row gap-1 hint" title={words().canvas.opacity}>
            {words().canvas.sliders.opacity}
            <input type="range" class="w-12" min={0.1} max={1} step={0.05} {...range('opacity')} />
          </label>
        }
      >
        <input
          type="color"
          class="size-8 p-0 border border-line rounded"
          aria-label={words().canvas.colour}
          value={props.brush.colour}
          onInput={(event) => props.onPut({ colour: event.currentTarget.value })}
        />
      </Show>
    </Group>
  );
}

/** What is done to the whole layer, and back. */
function Edits(props: ToolbarProps) {
  const studio = useStudio();
  const { drawing } = studio;
  const fill = () => {
    const { layer, colour } = props.brush;
    const all = {
      layer,
      shape: 'all',
      erases: false,
      size: 0,
      points: [],
      colour: layer === 'sketch' ? colour : undefined,
    } as const;
    studio.redraw(withStroke(drawing.present(), all));
  };
  const empty = () =>
    props.brush.layer === 'mask' ? !isMasked(drawing.present()) : !hasLayer(drawing.present(), 'sketch');
  const toggle = (name: 'inverted' | 'alpha') => {
    const now = drawing.present();
    studio.redraw({ ...now, [name]: !now[name] });
  };
  return (
    <Group class="row gap-1" label={words().canvas.edit}>
      <button
        type="button"
        class="chip px-2"
        aria-label={words().common.undo}
        title={`${words().common.undo} (Ctrl Z)`}
        disabled={!drawing.canUndo()}
        onClick={() => studio.undoDrawing()}
      >
        <Icon name="undo" class="size-4" />
      </button>
      <button
        type="button"
        class="chip px-2"
        aria-label={words().canvas.redo}
        title={`${words().canvas.redo} (Ctrl Shift Z)`}
        disabled={!drawing.canRedo()}
        onClick={() => studio.redoDrawing()}
      >
        <Icon name="redo" class="size-4" />
      </button>
      <button type="button" class="chip" onClick={fill}>
        {words().canvas.fill}
      </button>
      <Show when={props.brush.layer === 'mask'}>
        <button type="button" class="chip" aria-pressed={drawing.present().inverted} onClick={() => toggle('inverted')}>
          {words().canvas.invert}
        </button>
        <Show when={props.transparent}>
          <button type="button" class="chip" aria-pressed={drawing.present().alpha} onClick={() => toggle('alpha')}>
            {words().canvas.alpha}
          </button>
        </Show>
      </Show>
      <button
        type="button"
        class="chip"
        disabled={empty()}
        onClick={() => studio.redraw(withoutLayer(drawing.present(), props.brush.layer))}
      >
        {words().canvas.clear}
      </button>
    </Group>
  );
}
