/**
 * A mask as the strokes that made it: small to keep, exact at any size, undone by leaving the last one out. White is
 * repainted. Coordinates are those of the picture, in pixels.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Of a pen, 0 to 1; a mouse presses with 0.5. */
  readonly pressure: number;
}

export interface Stroke {
  readonly tool: 'brush' | 'eraser';
  /** Diameter at full pressure, in pixels of the picture. */
  readonly size: number;
  readonly points: readonly Point[];
}

export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly strokes: readonly Stroke[];
  /** Strokes that were undone, last first. */
  readonly undone: readonly Stroke[];
  readonly inverted: boolean;
}

export function emptyMask(width: number, height: number): Mask {
  return { width, height, strokes: [], undone: [], inverted: false };
}

export function isEmpty({ strokes, inverted }: Mask): boolean {
  return strokes.length === 0 && !inverted;
}

export function withStroke(mask: Mask, stroke: Stroke): Mask {
  return { ...mask, strokes: [...mask.strokes, stroke], undone: [] };
}

export function undo(mask: Mask): Mask {
  const last = mask.strokes.at(-1);
  return last ? { ...mask, strokes: mask.strokes.slice(0, -1), undone: [last, ...mask.undone] } : mask;
}

export function redo(mask: Mask): Mask {
  const [next, ...undone] = mask.undone;
  return next ? { ...mask, strokes: [...mask.strokes, next], undone } : mask;
}

/** What of a 2D canvas context is drawn on; tests have their own. */
export type Surface = Pick<
  CanvasRenderingContext2D,
  | 'fillStyle'
  | 'strokeStyle'
  | 'lineWidth'
  | 'lineCap'
  | 'lineJoin'
  | 'globalCompositeOperation'
  | 'clearRect'
  | 'fillRect'
  | 'beginPath'
  | 'moveTo'
  | 'lineTo'
  | 'stroke'
>;

const mousePressure = 0.5;

function widthOf({ size }: Stroke, { pressure }: Point): number {
  return size * Math.min(1, pressure === 0 ? 1 : pressure / mousePressure);
}

/** The mask in one colour on a transparent ground, as it lies over the picture. */
export function paintMask(surface: Surface, { width, height, strokes, inverted }: Mask, colour: string): void {
  surface.globalCompositeOperation = 'source-over';
  surface.clearRect(0, 0, width, height);
  surface.lineCap = 'round';
  surface.lineJoin = 'round';
  surface.strokeStyle = colour;
  for (const stroke of strokes) {
    surface.globalCompositeOperation = stroke.tool === 'eraser' ? 'destination-out' : 'source-over';
    paintStroke(surface, stroke);
  }
  if (!inverted) return;
  surface.globalCompositeOperation = 'source-out';
  surface.fillStyle = colour;
  surface.fillRect(0, 0, width, height);
}

/** One segment a pair of points: with a pen each has its own width. */
function paintStroke(surface: Surface, stroke: Stroke): void {
  const [first] = stroke.points;
  if (!first) return;
  let from = first;
  for (const to of stroke.points.length === 1 ? [first] : stroke.points.slice(1)) {
    surface.lineWidth = widthOf(stroke, to);
    surface.beginPath();
    surface.moveTo(from.x, from.y);
    // A tap is a dot: a line of no length is not drawn everywhere.
    surface.lineTo(to === from ? to.x + 0.01 : to.x, to.y);
    surface.stroke();
    from = to;
  }
}
