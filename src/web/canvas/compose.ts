/** From a drawing to the pictures of a request: the start picture with its margins and sketch, and the mask. */

import { type Drawing, frameOf, hasLayer, isExtended, isMasked, type Layer, paintLayer } from '../state/drawing.ts';

/** A margin's mask reaches this share of the picture's shorter side into it, so that no seam is left. */
const overlap = 1 / 32;

export interface Composed {
  /** Undefined where the start picture serves as it is. */
  readonly init: Blob | undefined;
  readonly mask: Blob | undefined;
}

export async function compose(drawing: Drawing, picture: CanvasImageSource): Promise<Composed> {
  const changes = isExtended(drawing) || hasLayer(drawing, 'sketch');
  return {
    init: changes ? await pngOf(pictureCanvas(drawing, picture)) : undefined,
    mask: isMasked(drawing) ? await pngOf(maskCanvas(drawing, picture)) : undefined,
  };
}

export function frameCanvas(drawing: Drawing): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement('canvas');
  const { width, height } = frameOf(drawing);
  canvas.width = width;
  canvas.height = height;
  const surface = canvas.getContext('2d')!;
  surface.translate(drawing.margins.left, drawing.margins.top);
  return [canvas, surface];
}

/** One layer as it lies over the picture, in one colour if it is the mask. */
export function layerCanvas(drawing: Drawing, layer: Layer, colour: string): HTMLCanvasElement {
  const [canvas, surface] = frameCanvas(drawing);
  paintLayer(surface, drawing, layer, colour);
  return canvas;
}

function pictureCanvas(drawing: Drawing, picture: CanvasImageSource): HTMLCanvasElement {
  const [canvas, surface] = frameCanvas(drawing);
  stretchEdges(surface, drawing, picture);
  surface.drawImage(picture, 0, 0, drawing.width, drawing.height);
  surface.drawImage(layerCanvas(drawing, 'sketch', '#000'), -drawing.margins.left, -drawing.margins.top);
  return canvas;
}

/** The picture's outermost pixels fill its margins: a start that has its colours, not its shapes. */
function stretchEdges(surface: CanvasRenderingContext2D, drawing: Drawing, picture: CanvasImageSource): void {
  const { width, height, margins } = drawing;
  const columns = [
    [0, 1, -margins.left, margins.left],
    [0, width, 0, width],
    [width - 1, 1, width, margins.right],
  ] as const;
  const rows = [
    [0, 1, -margins.top, margins.top],
    [0, height, 0, height],
    [height - 1, 1, height, margins.bottom],
  ] as const;
  surface.imageSmoothingEnabled = false;
  for (const [fromX, wide, x, toWide] of columns) {
    for (const [fromY, high, y, toHigh] of rows) {
      if (toWide > 0 && toHigh > 0) surface.drawImage(picture, fromX, fromY, wide, high, x, y, toWide, toHigh);
    }
  }
  surface.imageSmoothingEnabled = true;
}

/** White where the picture is made anew, on black. */
function maskCanvas(drawing: Drawing, picture: CanvasImageSource): HTMLCanvasElement {
  const [canvas, surface] = frameCanvas(drawing);
  const { width, height, margins } = drawing;
  const frame = frameOf(drawing);
  const [left, top] = [-margins.left, -margins.top];
  surface.fillStyle = '#000';
  surface.fillRect(left, top, frame.width, frame.height);
  surface.drawImage(layerCanvas(drawing, 'mask', '#fff'), left, top);
  if (drawing.alpha) surface.drawImage(transparentParts(drawing, picture), left, top);
  if (!isExtended(drawing)) return canvas;
  const inset = Math.round(Math.min(width, height) * overlap);
  surface.fillStyle = '#fff';
  const seam = (margin: number) => (margin > 0 ? margin + inset : 0);
  surface.fillRect(left, top, seam(margins.left), frame.height);
  surface.fillRect(left, top, frame.width, seam(margins.top));
  surface.fillRect(width + margins.right - seam(margins.right), top, seam(margins.right), frame.height);
  surface.fillRect(left, height + margins.bottom - seam(margins.bottom), frame.width, seam(margins.bottom));
  return canvas;
}

function transparentParts(drawing: Drawing, picture: CanvasImageSource): HTMLCanvasElement {
  const [canvas, surface] = frameCanvas(drawing);
  surface.fillStyle = '#fff';
  surface.fillRect(0, 0, drawing.width, drawing.height);
  surface.globalCompositeOperation = 'destination-out';
  surface.drawImage(picture, 0, 0, drawing.width, drawing.height);
  return canvas;
}

/** Whether a picture has parts that are more than half transparent. */
export function hasTransparency(picture: HTMLImageElement): boolean {
  const side = 64;
  const canvas = document.createElement('canvas');
  canvas.width = side;
  canvas.height = side;
  const surface = canvas.getContext('2d')!;
  surface.drawImage(picture, 0, 0, side, side);
  const { data } = surface.getImageData(0, 0, side, side);
  for (let at = 3; at < data.length; at += 4) if (data[at]! < 128) return true;
  return false;
}

function pngOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('the picture is too large to draw on'))),
      'image/png',
    );
  });
}
