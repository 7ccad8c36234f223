/**
 * The canvas: the draft's start picture with a mask and a sketch drawn on it and margins that extend it. Nothing here is
 * a picture yet: what is drawn becomes one when the request is sent (`pictures.ts`).
 */

import { createEffect, createResource, createSignal, onCleanup, onMount, Show } from 'solid-js';
import { type Drawing, emptyDrawing, type Layer, type Point, type Stroke, withStroke } from '../state/drawing.ts';
import { clamp } from '../state/fields.ts';
import { keepPicture } from '../state/kept-pictures.ts';
import { useLimits } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { isTyping } from '../ui/typing.ts';
import { words } from '../words/index.ts';
import { hasTransparency } from './compose.ts';
import { addressOfPicture, loadPicture } from './pictures.ts';
import { Staged } from './staged.tsx';
import { Surface } from './surface.tsx';
import { Toolbar } from './toolbar.tsx';

export interface Brush {
  readonly layer: Layer;
  readonly tool: 'brush' | 'eraser' | 'lasso';
  /** Diameter as a share of the picture's longer side. */
  readonly size: number;
  readonly colour: string;
  /** How strongly the mask covers what lies under it. */
  readonly opacity: number;
}

const firstBrush: Brush = { layer: 'mask', tool: 'brush', size: 0.12, colour: '#d9442f', opacity: 0.55 };
const sizeStep = 1.25;

export default function Editor() {
  const studio = useStudio();
  const name = () => studio.draft.values()['init'] as string | undefined;
  return (
    <Show when={name()} keyed fallback={<NoPicture />}>
      {(picture) => <Loaded name={picture} />}
    </Show>
  );
}

function NoPicture() {
  const studio = useStudio();
  const limits = useLimits();
  const blank = async () => {
    const { width, height } = limits.data!.defaultSize;
    const canvas = new OffscreenCanvas(width, height);
    const surface = canvas.getContext('2d')!;
    surface.fillStyle = '#fff';
    surface.fillRect(0, 0, width, height);
    studio.startFrom(await keepPicture(await canvas.convertToBlob()));
  };
  const take = async (file: File | undefined) => await studio.bring(file, studio.startFrom);
  return (
    <div class="flex-1 flex flex-col items-center justify-center gap-4 p-6 text-center">
      <p class="text-dim max-w-120">{words().canvas.lead}</p>
      <div class="row flex-wrap justify-center">
        <FileButton class="btn-primary" accept="image/*" onChoose={(file) => void take(file)}>
          <Icon name="image" /> {words().canvas.choose}
        </FileButton>
        <button type="button" class="btn" disabled={!limits.data} onClick={() => void blank()}>
          {words().canvas.blank}
        </button>
      </div>
    </div>
  );
}

function Loaded(props: { readonly name: string }) {
  const studio = useStudio();
  const { drawing } = studio;
  const [picture] = createResource(
    () => props.name,
    async (name) => {
      const address = await addressOfPicture(name);
      const image = address === undefined ? undefined : await loadPicture(address).catch(() => undefined);
      if (address?.startsWith('blob:')) URL.revokeObjectURL(address);
      return image;
    },
  );
  createEffect(() => {
    const image = picture();
    const { picture: drawnOn, width, height } = drawing.present();
    if (!image || (drawnOn === props.name && width === image.naturalWidth && height === image.naturalHeight)) return;
    drawing.begin(emptyDrawing(props.name, image.naturalWidth, image.naturalHeight));
  });
  const ready = () => (drawing.present().picture === props.name ? picture() : undefined);
  return (
    <Show
      when={ready()}
      fallback={
        <div class="flex-1 flex flex-col items-center justify-center gap-3 p-6">
          <Show when={picture.state === 'ready'} fallback={<p class="text-dim">{words().common.loading}</p>}>
            <p class="problem-text">{words().canvas.unreadable}</p>
            <button type="button" class="btn" onClick={() => studio.startFrom(undefined)}>
              {words().common.remove}
            </button>
          </Show>
        </div>
      }
    >
      {(image) => <Easel image={image()} />}
    </Show>
  );
}

function Easel(props: { readonly image: HTMLImageElement }) {
  const studio = useStudio();
  const { drawing } = studio;
  const [brush, setBrush] = createSignal<Brush>(firstBrush);
  const [stroke, setStroke] = createSignal<Stroke>();
  const longer = () => Math.max(drawing.present().width, drawing.present().height);
  const draw = {
    begin(point: Point, event: PointerEvent) {
      const { layer, tool, size, colour } = brush();
      const shape = tool === 'lasso' ? 'area' : 'line';
      const erases = tool === 'eraser' || event.altKey;
      setStroke({
        layer,
        shape,
        erases,
        size: size * longer(),
        colour: layer === 'sketch' ? colour : undefined,
        points: [point],
      });
    },
    extend: (points: readonly Point[]) =>
      setStroke((now) => (now ? { ...now, points: [...now.points, ...points] } : now)),
    end() {
      const done = stroke();
      setStroke(undefined);
      if (done) studio.redraw(withStroke(drawing.present(), done));
    },
    abandon: () => setStroke(undefined),
  };
  const resize = (factor: number) => setBrush((now) => ({ ...now, size: clamp(now.size * factor, 0.005, 0.6) }));
  const keyed: Readonly<Record<string, () => void>> = {
    b: () => setBrush((now) => ({ ...now, tool: 'brush' })),
    e: () => setBrush((now) => ({ ...now, tool: 'eraser' })),
    l: () => setBrush((now) => ({ ...now, tool: 'lasso' })),
    m: () => setBrush((now) => ({ ...now, layer: now.layer === 'mask' ? 'sketch' : 'mask' })),
    '[': () => resize(1 / sizeStep),
    ']': () => resize(sizeStep),
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isTyping(event.target)) return;
    const held = event.ctrlKey || event.metaKey;
    if (held && event.key.toLowerCase() === 'z') {
      event.preventDefault();
      if (event.shiftKey) studio.redoDrawing();
      else studio.undoDrawing();
    } else if (!held && !event.altKey) keyed[event.key]?.();
  };
  onMount(() => document.addEventListener('keydown', onKeyDown));
  onCleanup(() => document.removeEventListener('keydown', onKeyDown));
  const shown = (): Drawing => drawing.present();
  return (
    <div class="flex-1 min-h-0 flex flex-col">
      <Toolbar brush={brush()} onBrush={setBrush} transparent={hasTransparency(props.image)} />
      <Surface image={props.image} drawing={shown()} stroke={stroke()} brush={brush()} draw={draw} />
      <Staged />
    </div>
  );
}
