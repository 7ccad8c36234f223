/** Mouse, touch, pen and wheel over a window onto a picture: one pointer draws, two pinch, the middle button or Space pans. */

import { createSignal, onCleanup, onMount } from 'solid-js';
import type { Point } from '../state/drawing.ts';
import { type Dot, panned, pinched, type Viewport, zoomedAt } from '../state/viewport.ts';
import { isTyping } from '../ui/typing.ts';

interface GestureOptions {
  readonly view: () => Viewport;
  readonly setView: (view: Viewport) => void;
  /** Pixels of the picture; absent where nothing is drawn and one pointer pans. */
  readonly draw?: {
    begin(point: Point, event: PointerEvent): void;
    extend(points: readonly Point[]): void;
    end(): void;
    /** A second finger came down: it was no stroke. */
    abandon(): void;
  };
}

const wheelPerPixel = 0.0015;

/** @returns handlers for the element, which must not be touched by the browser's own gestures (`touch-none`) */
export function useGestures(element: () => HTMLElement, { view, setView, draw }: GestureOptions) {
  const pointers = new Map<number, Dot>();
  const [panning, setPanning] = createSignal(false);
  const [spaceDown, setSpaceDown] = createSignal(false);
  let drawing = false;

  const dotOf = (event: MouseEvent): Dot => {
    const box = element().getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const pointOf = (event: PointerEvent): Point => {
    const { x, y } = dotOf(event);
    const { scale, x: left, y: top } = view();
    return { x: (x - left) / scale, y: (y - top) / scale, pressure: event.pressure };
  };
  const onPointerDown = (event: PointerEvent) => {
    element().setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, dotOf(event));
    if (pointers.size > 1) {
      if (drawing) draw?.abandon();
      drawing = false;
    } else if (draw && event.button === 0 && !spaceDown()) {
      drawing = true;
      draw.begin(pointOf(event), event);
    } else if (event.button <= 1) setPanning(true);
  };
  const onPointerMove = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = dotOf(event);
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, dot]) => dot);
      setView(pinched(view(), [before, other!], [now, other!]));
    } else if (drawing) {
      const points = event.getCoalescedEvents().map(pointOf);
      draw?.extend(points.length > 0 ? points : [pointOf(event)]);
    } else if (panning()) setView(panned(view(), now.x - before.x, now.y - before.y));
    pointers.set(event.pointerId, now);
  };
  const onPointerUp = (event: PointerEvent) => {
    pointers.delete(event.pointerId);
    if (drawing) draw?.end();
    drawing = false;
    setPanning(false);
  };
  const onWheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x, y } = dotOf(event);
    setView(zoomedAt(view(), Math.exp(-event.deltaY * wheelPerPixel), x, y));
  };
  const space = (down: boolean) => (event: KeyboardEvent) => {
    if (event.code === 'Space' && !isTyping(event.target)) setSpaceDown(down);
  };
  const [onKeyDown, onKeyUp] = [space(true), space(false)];
  onMount(() => {
    element().addEventListener('wheel', onWheel, { passive: false });
    document.addEventListener('keydown', onKeyDown);
    document.addEventListener('keyup', onKeyUp);
  });
  onCleanup(() => {
    document.removeEventListener('keydown', onKeyDown);
    document.removeEventListener('keyup', onKeyUp);
  });
  return {
    handlers: { onPointerDown, onPointerMove, onPointerUp, onPointerCancel: onPointerUp },
    pans: () => panning() || spaceDown(),
  };
}
