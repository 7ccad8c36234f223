/** The window onto the drawing: painted anew when something changes; the handles at the frame's sides extend the picture. */

import { createEffect, createMemo, createSignal, For, onCleanup, onMount } from 'solid-js';
import {
  type Drawing,
  frameOf,
  type Point,
  paintLayer,
  type Side,
  type Stroke,
  sides,
  withMargin,
  withStroke,
} from '../state/drawing.ts';
import { useLimits } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { fitted, panned, type Viewport, zoomedAt } from '../state/viewport.ts';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { frameCanvas, layerCanvas } from './compose.ts';
import type { Brush } from './editor.tsx';
import { useGestures } from './gestures.ts';

interface SurfaceProps {
  readonly image: HTMLImageElement;
  readonly drawing: Drawing;
  /** Being drawn. */
  readonly stroke: Stroke | undefined;
  readonly brush: Brush;
  readonly draw: {
    begin(point: Point, event: PointerEvent): void;
    extend(points: readonly Point[]): void;
    end(): void;
    abandon(): void;
  };
}

const maskColour = '#ff4d30';
const padding = 36;
const zoomStep = 1.25;
const panStep = 40;

export function Surface(props: SurfaceProps) {
  let window!: HTMLElement;
  let canvas!: HTMLCanvasElement;
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const [moved, setMoved] = createSignal<Viewport>();
  const frame = createMemo(() => frameOf(props.drawing));
  const fit = (): Viewport => {
    const { left, top } = props.drawing.margins;
    return fitted(frame(), size(), padding, { x: -left, y: -top });
  };
  const view = (): Viewport => moved() ?? fit();
  const gestures = useGestures(() => window, { view, setView: setMoved, draw: props.draw });

  onMount(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      setSize({ width, height });
    });
    observer.observe(window);
    onCleanup(() => observer.disconnect());
  });

  const mask = createMemo(() => layerCanvas(props.drawing, 'mask', maskColour));
  const sketch = createMemo(() => layerCanvas(props.drawing, 'sketch', '#000'));
  createEffect(() => {
    const { width, height } = size();
    if (width === 0) return;
    const [wide, high] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
    if (canvas.width !== wide) canvas.width = wide;
    if (canvas.height !== high) canvas.height = high;
    const live = (layer: Stroke['layer'], drawn: HTMLCanvasElement) =>
      props.stroke?.layer === layer ? withLive(props.drawing, props.stroke, drawn) : drawn;
    const surface = canvas.getContext('2d')!;
    surface.setTransform(1, 0, 0, 1, 0, 0);
    surface.clearRect(0, 0, wide, high);
    const { scale, x, y } = view();
    surface.setTransform(
      devicePixelRatio * scale,
      0,
      0,
      devicePixelRatio * scale,
      devicePixelRatio * x,
      devicePixelRatio * y,
    );
    paint(surface, props.drawing, props.image, scale, {
      sketch: live('sketch', sketch()),
      mask: live('mask', mask()),
      opacity: props.brush.opacity,
    });
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const middle = [size().width / 2, size().height / 2] as const;
    const moves: Readonly<Record<string, () => Viewport | undefined>> = {
      '+': () => zoomedAt(view(), zoomStep, ...middle),
      '-': () => zoomedAt(view(), 1 / zoomStep, ...middle),
      '0': () => undefined,
      ArrowLeft: () => panned(view(), panStep, 0),
      ArrowRight: () => panned(view(), -panStep, 0),
      ArrowUp: () => panned(view(), 0, panStep),
      ArrowDown: () => panned(view(), 0, -panStep),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.target !== window) return;
    event.preventDefault();
    setMoved(move());
  };
  return (
    <section
      ref={window}
      aria-label={words().canvas.surface}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: keys pan and zoom it
      tabindex="0"
      data-testid="canvas"
      class="relative flex-1 min-h-[50dvh] md:min-h-0 overflow-hidden bg-sunk touch-none select-none"
      classList={{ 'cursor-grab': gestures.pans(), 'cursor-crosshair': !gestures.pans() }}
      {...gestures.handlers}
      onKeyDown={onKeyDown}
    >
      <canvas ref={canvas} class="absolute inset-0 size-full" />
      <For each={sides}>{(side) => <Handle side={side} view={view()} drawing={props.drawing} />}</For>
      <div
        class="absolute right-3 bottom-3 row bg-panel border border-line rounded-lg"
        onPointerDown={(event) => event.stopPropagation()}
      >
        <ZoomButton
          label={words().canvas.nearer}
          text="+"
          onPress={() => setMoved(zoomedAt(view(), zoomStep, size().width / 2, size().height / 2))}
        />
        <ZoomButton
          label={words().canvas.further}
          text="−"
          onPress={() => setMoved(zoomedAt(view(), 1 / zoomStep, size().width / 2, size().height / 2))}
        />
        <button
          type="button"
          class="btn-quiet px-2"
          title={words().canvas.fit}
          aria-label={words().canvas.fit}
          onClick={() => setMoved(undefined)}
        >
          <Icon name="expand" />
        </button>
      </div>
    </section>
  );
}

function ZoomButton(props: { readonly label: string; readonly text: string; readonly onPress: () => void }) {
  return (
    <button
      type="button"
      class="btn-quiet px-3"
      aria-label={props.label}
      title={props.label}
      onClick={() => props.onPress()}
    >
      {props.text}
    </button>
  );
}

/** The finished layer with the stroke under way; only where the layer is inverted does all of it have to be painted anew. */
function withLive(drawing: Drawing, stroke: Stroke, drawn: HTMLCanvasElement): HTMLCanvasElement {
  if (drawing.inverted) return layerCanvas(withStroke(drawing, stroke), stroke.layer, maskColour);
  const [canvas, surface] = frameCanvas(drawing);
  surface.drawImage(drawn, -drawing.margins.left, -drawing.margins.top);
  paintLayer(surface, { ...drawing, strokes: [stroke] }, stroke.layer, maskColour);
  return canvas;
}

interface Layers {
  readonly sketch: HTMLCanvasElement;
  readonly mask: HTMLCanvasElement;
  readonly opacity: number;
}

function paint(
  surface: CanvasRenderingContext2D,
  drawing: Drawing,
  image: HTMLImageElement,
  scale: number,
  { sketch, mask, opacity }: Layers,
): void {
  const { margins, width, height } = drawing;
  const frame = frameOf(drawing);
  const [left, top] = [-margins.left, -margins.top];
  surface.fillStyle = maskColour;
  surface.globalAlpha = opacity * 0.5;
  surface.fillRect(left, top, frame.width, frame.height);
  surface.globalAlpha = 1;
  surface.clearRect(0, 0, width, height);
  surface.imageSmoothingEnabled = scale < 3;
  surface.drawImage(image, 0, 0, width, height);
  surface.drawImage(sketch, left, top);
  surface.globalAlpha = opacity;
  surface.drawImage(mask, left, top);
  surface.globalAlpha = 1;
  surface.lineWidth = 1 / scale;
  surface.strokeStyle = '#8889';
  surface.strokeRect(left, top, frame.width, frame.height);
}

interface HandleProps {
  readonly side: Side;
  readonly view: Viewport;
  readonly drawing: Drawing;
}

/** Drags a side of the frame outwards, by pointer or arrow keys. */
function Handle(props: HandleProps) {
  const studio = useStudio();
  const limits = useLimits();
  const grid = () => limits.data?.sizeMultiple ?? 8;
  const most = () =>
    studio.draft.field(props.side === 'left' || props.side === 'right' ? 'width' : 'height')?.max ?? 4096;
  const margin = () => props.drawing.margins[props.side];
  const outwards = () => (props.side === 'left' || props.side === 'top' ? -1 : 1);
  const across = () => props.side === 'left' || props.side === 'right';
  const to = (pixels: number) => {
    const next = withMargin(props.drawing, props.side, pixels, grid(), most());
    if (next.margins[props.side] !== margin()) studio.redraw(next);
  };
  let from: { readonly at: number; readonly margin: number } | undefined;
  const along = (event: PointerEvent) => (across() ? event.clientX : event.clientY);
  const place = () => {
    const { margins, width, height } = props.drawing;
    const frame = frameOf(props.drawing);
    const { scale, x, y } = props.view;
    const [left, top] = [x - margins.left * scale, y - margins.top * scale];
    const middle = { x: left + (frame.width * scale) / 2, y: top + (frame.height * scale) / 2 };
    const ends: Record<Side, readonly [number, number]> = {
      left: [left, middle.y],
      right: [x + (width + margins.right) * scale, middle.y],
      top: [middle.x, top],
      bottom: [middle.x, y + (height + margins.bottom) * scale],
    };
    return { left: `${ends[props.side][0]}px`, top: `${ends[props.side][1]}px` };
  };
  return (
    <button
      type="button"
      role="slider"
      aria-label={words().canvas.extend[props.side]}
      aria-valuemin={0}
      aria-valuemax={most()}
      aria-valuenow={margin()}
      aria-valuetext={words().canvas.pixels(margin())}
      aria-orientation={across() ? 'horizontal' : 'vertical'}
      title={`${words().canvas.extend[props.side]} (${words().canvas.pixels(margin())})`}
      class={`absolute -translate-x-1/2 -translate-y-1/2 rounded-full bg-accent border-2 border-panel touch-none ${across() ? 'w-4 h-10 cursor-ew-resize' : 'w-10 h-4 cursor-ns-resize'}`}
      style={place()}
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
        from = { at: along(event), margin: margin() };
      }}
      onPointerMove={(event) => {
        event.stopPropagation();
        if (from) to(from.margin + ((along(event) - from.at) * outwards()) / props.view.scale);
      }}
      onPointerUp={(event) => {
        event.stopPropagation();
        from = undefined;
      }}
      onKeyDown={(event) => {
        const keys = across() ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
        const step = event.key === keys[0] ? -1 : event.key === keys[1] ? 1 : 0;
        if (step === 0 && event.key !== 'Home') return;
        event.preventDefault();
        event.stopPropagation();
        to(event.key === 'Home' ? 0 : margin() + step * outwards() * grid());
      }}
    />
  );
}
