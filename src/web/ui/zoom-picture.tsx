/** A picture as large as fits, nearer by wheel, pinch, double click or keys, moved by dragging; the whole screen on demand. */

import { createEffect, createSignal, on, onCleanup, onMount, Show } from 'solid-js';
import { useGestures } from '../canvas/gestures.ts';
import { fitted, type Viewport, zoomedAt } from '../state/viewport.ts';
import { words } from '../words/index.ts';
import { Icon } from './icon.tsx';

interface ZoomPictureProps {
  readonly src: string;
  readonly alt: string;
  readonly width: number;
  readonly height: number;
}

const step = 1.5;

export function ZoomPicture(props: ZoomPictureProps) {
  let window!: HTMLElement;
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const [moved, setMoved] = createSignal<Viewport>();
  const whole = () => fitted(props, size());
  const view = () => moved() ?? whole();
  createEffect(
    on(
      () => props.src,
      () => setMoved(undefined),
    ),
  );
  const gestures = useGestures(() => window, { view, setView: setMoved });
  onMount(() => {
    const observer = new ResizeObserver(([entry]) => setSize(entry!.contentRect));
    observer.observe(window);
    onCleanup(() => observer.disconnect());
  });
  const zoom = (factor: number, x = size().width / 2, y = size().height / 2) =>
    setMoved(zoomedAt(view(), factor, x, y));
  const wholeScreen = () =>
    void (document.fullscreenElement ? document.exitFullscreen() : window.requestFullscreen?.());
  return (
    <section
      ref={window}
      aria-label={words().picture.title}
      class="relative flex-1 picture-room w-full self-stretch overflow-hidden touch-none"
      classList={{ 'cursor-grab': moved() !== undefined }}
      {...gestures.handlers}
      onDblClick={(event) => {
        const box = window.getBoundingClientRect();
        if (moved()) setMoved(undefined);
        else zoom(1 / whole().scale, event.clientX - box.left, event.clientY - box.top);
      }}
    >
      <img
        src={props.src}
        alt={props.alt}
        draggable={false}
        class="absolute left-0 top-0 origin-top-left max-w-none"
        width={props.width}
        height={props.height}
        style={{
          transform: `translate(${view().x}px, ${view().y}px) scale(${view().scale})`,
          visibility: size().width === 0 ? 'hidden' : 'visible',
        }}
      />
      <div
        class="absolute right-2 bottom-2 row gap-0 bg-panel border border-line rounded-lg opacity-80 hover:opacity-100 focus-within:opacity-100"
        onPointerDown={(event) => event.stopPropagation()}
      >
        <button
          type="button"
          class="btn-quiet px-3"
          aria-label={words().canvas.nearer}
          title={words().canvas.nearer}
          onClick={() => zoom(step)}
        >
          +
        </button>
        <button
          type="button"
          class="btn-quiet px-3"
          aria-label={words().canvas.further}
          title={words().canvas.further}
          onClick={() => zoom(1 / step)}
        >
          −
        </button>
        <Show when={moved()}>
          <button
            type="button"
            class="btn-quiet px-2"
            aria-label={words().canvas.fit}
            title={words().canvas.fit}
            onClick={() => setMoved(undefined)}
          >
            <Icon name="reuse" />
          </button>
        </Show>
        <button
          type="button"
          class="btn-quiet px-2"
          aria-label={words().picture.fullScreen}
          title={words().picture.fullScreen}
          onClick={wholeScreen}
        >
          <Icon name="expand" />
        </button>
      </div>
    </section>
  );
}
