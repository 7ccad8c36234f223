/** How a picture lies in a window: screen = picture * scale + (x, y), all in CSS pixels of the window. */

import { clamp } from './fields.ts';

export interface Viewport {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

interface Sides {
  readonly width: number;
  readonly height: number;
}

const smallest = 0.02;
const largest = 40;

/** The whole of it, as large as fits and in the middle. `origin`: where its left upper corner lies in its own pixels. */
export function fitted(content: Sides, window: Sides, padding = 0, origin = { x: 0, y: 0 }): Viewport {
  const room = { width: window.width - 2 * padding, height: window.height - 2 * padding };
  const scale = clamp(Math.min(room.width / content.width, room.height / content.height), smallest, largest);
  return {
    scale,
    x: (window.width - content.width * scale) / 2 - origin.x * scale,
    y: (window.height - content.height * scale) / 2 - origin.y * scale,
  };
}

/** Nearer by `factor`, with the point of the window under (x, y) in its place. */
export function zoomedAt(view: Viewport, factor: number, x: number, y: number): Viewport {
  const scale = clamp(view.scale * factor, smallest, largest);
  const by = scale / view.scale;
  return { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
}

export function panned(view: Viewport, x: number, y: number): Viewport {
  return { ...view, x: view.x + x, y: view.y + y };
}

/** Two fingers that were at `from` and are at `to` now. */
export function pinched(view: Viewport, from: readonly [Dot, Dot], to: readonly [Dot, Dot]): Viewport {
  const [before, now] = [from, to].map(([a, b]) => ({
    x: (a.x + b.x) / 2,
    y: (a.y + b.y) / 2,
    apart: Math.hypot(a.x - b.x, a.y - b.y),
  })) as [Dot & { apart: number }, Dot & { apart: number }];
  const moved = panned(view, now.x - before.x, now.y - before.y);
  return before.apart < 1 ? moved : zoomedAt(moved, now.apart / before.apart, now.x, now.y);
}

export interface Dot {
  readonly x: number;
  readonly y: number;
}
