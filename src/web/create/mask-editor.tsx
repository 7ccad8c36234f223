/** Painting the mask of an inpainting over the start picture: brush, eraser, undo, invert; mouse, touch, pen and keys. */

import { createEffect, createSignal, onCleanup, onMount } from 'solid-js';
import {
  emptyMask,
  isEmpty,
  type Mask,
  type Point,
  paintMask,
  redo,
  type Stroke,
  undo,
  withStroke,
} from '../state/mask.ts';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

interface MaskEditorProps {
  /** Address of the start picture. */
  readonly picture: string;
  readonly mask: Mask | undefined;
  /** The mask, and as a PNG (white on black) for the request; undefined when nothing is painted. */
  readonly onDone: (mask: Mask, png: string | undefined) => void;
  readonly onCancel: () => void;
}

const overlay = '#ff4d30';

export function MaskEditor(props: MaskEditorProps) {
  let dialog!: HTMLDialogElement;
  let canvas!: HTMLCanvasElement;
  const [mask, setMask] = createSignal<Mask>(props.mask ?? emptyMask(1, 1));
  const [tool, setTool] = createSignal<Stroke['tool']>('brush');
  const [size, setSize] = createSignal(0.12);
  const [drawn, setDrawn] = createSignal<Stroke>();
  onMount(() => dialog.showModal());
  onCleanup(() => dialog.close());

  const onLoad = ({ naturalWidth, naturalHeight }: HTMLImageElement) => {
    const { width, height } = mask();
    if (width !== naturalWidth || height !== naturalHeight) setMask(emptyMask(naturalWidth, naturalHeight));
  };
  createEffect(() => {
    const now = mask();
    const stroke = drawn();
    const surface = canvas.getContext('2d');
    if (surface) paintMask(surface, stroke ? withStroke(now, stroke) : now, overlay);
  });

  const pointOf = (event: PointerEvent): Point => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * mask().width,
      y: ((event.clientY - box.top) / box.height) * mask().height,
      pressure: event.pressure,
    };
  };
  const begin = (event: PointerEvent) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const diameter = size() * Math.max(mask().width, mask().height);
    setDrawn({ tool: tool(), size: diameter, points: [pointOf(event)] });
  };
  const draw = (event: PointerEvent) => {
    const stroke = drawn();
    if (!stroke) return;
    const points = event.getCoalescedEvents().map(pointOf);
    setDrawn({ ...stroke, points: [...stroke.points, ...(points.length > 0 ? points : [pointOf(event)])] });
  };
  const end = () => {
    const stroke = drawn();
    setDrawn(undefined);
    if (stroke) setMask((now) => withStroke(now, stroke));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === '[' ? 1 / 1.25 : event.key === ']' ? 1.25 : 1;
    if (step !== 1) setSize((now) => Math.min(0.5, Math.max(0.01, now * step)));
    else if (event.key.toLowerCase() === 'z' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      setMask(event.shiftKey ? redo : undo);
    } else if (event.key === 'e') setTool('eraser');
    else if (event.key === 'b') setTool('brush');
  };
  const done = () => props.onDone(mask(), isEmpty(mask()) ? undefined : pngOf(mask()));

  return (
    <dialog
      ref={dialog}
      aria-label={words().mask.title}
      class="bg-panel text-ink border border-line rounded-xl p-3 md:p-4 m-auto max-w-[min(96vw,64rem)] max-h-[96dvh]"
      onCancel={(event) => {
        event.preventDefault();
        props.onCancel();
      }}
      onKeyDown={onKeyDown}
    >
      <div class="flex flex-col gap-3">
        <Group class="flex flex-wrap items-center gap-2" label={words().mask.title}>
          <button type="button" class="chip" aria-pressed={tool() === 'brush'} onClick={() => setTool('brush')}>
            <Icon name="brush" class="size-4" /> {words().mask.brush}
          </button>
          <button type="button" class="chip" aria-pressed={tool() === 'eraser'} onClick={() => setTool('eraser')}>
            <Icon name="eraser" class="size-4" /> {words().mask.eraser}
          </button>
          <input
            type="range"
            class="w-32"
            aria-label={words().mask.size}
            title={`${words().mask.size} [ ]`}
            min={0.01}
            max={0.5}
            step={0.01}
            value={size()}
            onInput={(event) => setSize(event.currentTarget.valueAsNumber)}
          />
          <button
            type="button"
            class="btn-quiet px-2"
            aria-label={words().common.undo}
            title={words().common.undo}
            disabled={mask().strokes.length === 0}
            onClick={() => setMask(undo)}
          >
            <Icon name="undo" />
          </button>
          <button
            type="button"
            class="btn-quiet px-2"
            aria-label={words().mask.redo}
            title={words().mask.redo}
            disabled={mask().undone.length === 0}
            onClick={() => setMask(redo)}
          >
            <Icon name="redo" />
          </button>
          <button
            type="button"
            class="chip"
            aria-pressed={mask().inverted}
            onClick={() => setMask((now) => ({ ...now, inverted: !now.inverted }))}
          >
            {words().mask.invert}
          </button>
          <button
            type="button"
            class="btn-quiet"
            disabled={isEmpty(mask())}
            onClick={() => setMask((now) => emptyMask(now.width, now.height))}
          >
            {words().mask.clear}
          </button>
        </Group>
        <div class="relative self-center select-none touch-none">
          <img
            src={props.picture}
            alt={words().create.start}
            class="block max-w-full max-h-[70dvh] min-h-60 rounded-lg object-contain"
            draggable={false}
            onLoad={(event) => onLoad(event.currentTarget)}
          />
          <canvas
            ref={canvas}
            data-testid="mask"
            width={mask().width}
            height={mask().height}
            class="absolute inset-0 size-full opacity-60 cursor-crosshair rounded-lg"
            onPointerDown={begin}
            onPointerMove={draw}
            onPointerUp={end}
            onPointerCancel={end}
          />
        </div>
        <p class="hint">{words().mask.hint}</p>
        <div class="row justify-end">
          <button type="button" class="btn" onClick={() => props.onCancel()}>
            {words().common.cancel}
          </button>
          <button type="button" class="btn-primary" onClick={done}>
            {words().mask.use}
          </button>
        </div>
      </div>
    </dialog>
  );
}

/** White where it is painted, on black. */
function pngOf(mask: Mask): string {
  const canvas = document.createElement('canvas');
  canvas.width = mask.width;
  canvas.height = mask.height;
  const surface = canvas.getContext('2d')!;
  paintMask(surface, mask, '#fff');
  surface.globalCompositeOperation = 'destination-over';
  surface.fillStyle = '#000';
  surface.fillRect(0, 0, mask.width, mask.height);
  return canvas.toDataURL('image/png');
}
