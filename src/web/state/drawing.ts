/**
 * What is drawn over a start picture, as the strokes that made it: small to keep, exact at any size. On the layer `mask`
 * strokes say what is made anew, on `sketch` they colour the picture itself; margins extend the picture. Coordinates are
 * those of the picture, in pixels; a margin's are negative or beyond its sides.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Of a pen, 0 to 1; a mouse presses with 0.5. */
  readonly pressure: number;
}

export type Layer = 'mask' | 'sketch';

export interface Stroke {
  readonly layer: Layer;
  /** A line of the brush, what a line encloses, or everything. */
  readonly shape: 'line' | 'area' | 'all';
  /** Takes away instead of adding. */
  readonly erases: boolean;
  /** Diameter at full pressure, in pixels of the picture. */
  readonly size: number;
  /** Of a sketch; a mask has none. */
  readonly colour?: string;
  readonly points: readonly Point[];
}

/** Pixels added beyond each side. */
export interface Margins {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export type Side = keyof Margins;
export const sides: readonly Side[] = ['left', 'top', 'right', 'bottom'];

export interface Drawing {
  /** The start picture that it lies on, as the draft names it; empty for none. */
  readonly picture: string;
  readonly width: number;
  readonly height: number;
  readonly margins: Margins;
  readonly strokes: readonly Stroke[];
  readonly inverted: boolean;
  /** What the picture leaves transparent is masked. */
  readonly alpha: boolean;
}

const noMargins: Margins = { left: 0, top: 0, right: 0, bottom: 0 };

export function emptyDrawing(picture: string, width: number, height: number): Drawing {
  return { picture, width, height, margins: noMargins, strokes: [], inverted: false, alpha: false };
}

/** The picture with its margins, in pixels. */
export function frameOf({ width, height, margins }: Drawing): { readonly width: number; readonly height: number } {
  return { width: width + margins.left + margins.right, height: height + margins.top + margins.bottom };
}

export function isExtended({ margins }: Drawing): boolean {
  return sides.some((side) => margins[side] > 0);
}

export function hasLayer({ strokes }: Drawing, layer: Layer): boolean {
  return strokes.some((stroke) => stroke.layer === layer);
}

/** Whether some of the picture, not all of it, is to be made anew. */
export function isMasked(drawing: Drawing): boolean {
  return hasLayer(drawing, 'mask') || drawing.inverted || drawing.alpha || isExtended(drawing);
}

export function withStroke(drawing: Drawing, stroke: Stroke): Drawing {
  return { ...drawing, strokes: [...drawing.strokes, stroke] };
}

/** Without the strokes of one layer. */
export function withoutLayer(drawing: Drawing, layer: Layer): Drawing {
  const strokes = drawing.strokes.filter((stroke) => stroke.layer !== layer);
  return { ...drawing, strokes, ...(layer === 'mask' ? { inverted: false, alpha: false } : {}) };
}

/** A side moved out (or back in) to the next multiple of `grid` pixels, and so far that the frame stays within `most`. */
export function withMargin(drawing: Drawing, side: Side, pixels: number, grid: number, most: number): Drawing {
  const along = side === 'left' || side === 'right' ? 'width' : 'height';
  const others = frameOf(drawing)[along] - drawing.margins[side];
  const snapped = Math.round(Math.max(0, pixels) / grid) * grid;
  const room = Math.max(0, Math.floor((most - others) / grid) * grid);
  return { ...drawing, margins: { ...drawing.margins, [side]: Math.min(snapped, room) } };
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
  | 'fillRect'
  | 'beginPath'
  | 'moveTo'
  | 'lineTo'
  | 'stroke'
  | 'fill'
>;

const mousePressure = 0.5;

function widthOf({ size }: Stroke, { pressure }: Point): number {
  return size * Math.min(1, pressure === 0 ? 1 : pressure / mousePressure);
}

/**
 * One layer on a transparent ground; the surface's origin is the picture's.
 *
 * @param colour - of the mask; a sketch brings its own
 */
export function paintLayer(surface: Surface, drawing: Drawing, layer: Layer, colour: string): void {
  surface.lineCap = 'round';
  surface.lineJoin = 'round';
  for (const stroke of drawing.strokes) {
    if (stroke.layer === layer) paintStroke(surface, drawing, stroke, stroke.colour ?? colour);
  }
  if (layer !== 'mask' || !drawing.inverted) return;
  surface.globalCompositeOperation = 'source-out';
  surface.fillStyle = colour;
  fillFrame(surface, drawing);
  surface.globalCompositeOperation = 'source-over';
}

function fillFrame(surface: Surface, drawing: Drawing): void {
  const { width, height } = frameOf(drawing);
  surface.fillRect(-drawing.margins.left, -drawing.margins.top, width, height);
}

function paintStroke(surface: Surface, drawing: Drawing, stroke: Stroke, colour: string): void {
  surface.globalCompositeOperation = stroke.erases ? 'destination-out' : 'source-over';
  surface.strokeStyle = colour;
  surface.fillStyle = colour;
  if (stroke.shape === 'all') fillFrame(surface, drawing);
  else if (stroke.shape === 'area') paintArea(surface, stroke);
  else paintLine(surface, stroke);
  surface.globalCompositeOperation = 'source-over';
}

function paintArea(surface: Surface, { points }: Stroke): void {
  surface.beginPath();
  for (const [at, { x, y }] of points.entries()) {
    if (at === 0) surface.moveTo(x, y);
    else surface.lineTo(x, y);
  }
  surface.fill();
}

/** One segment a pair of points: with a pen each has its own width. */
function paintLine(surface: Surface, stroke: Stroke): void {
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
