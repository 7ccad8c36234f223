/** A float RGB picture and the few antialiased shapes that backgrounds need. Colours are sRGB, 0..255. */

export type Colour = readonly [number, number, number];

export class Canvas {
  readonly size: number;
  /** [size, size, 3] */
  readonly data: Float32Array;

  constructor(size: number) {
    this.size = size;
    this.data = new Float32Array(size * size * 3);
  }

  blend(x: number, y: number, colour: Colour, alpha: number): void {
    const at = (y * this.size + x) * 3;
    for (let c = 0; c < 3; c++) this.data[at + c]! += (colour[c]! - this.data[at + c]!) * alpha;
  }

  /** Vertical gradient through stops at relative heights. */
  sky(stops: readonly (readonly [number, Colour])[]): void {
    for (let y = 0; y < this.size; y++) {
      const colour = gradientAt(stops, (y + 0.5) / this.size);
      for (let x = 0; x < this.size; x++) this.blend(x, y, colour, 1);
    }
  }

  /** Everything below a curve y(x), both relative to the size; `shade` darkens towards the bottom edge. */
  below(curve: (x: number) => number, top: Colour, bottom: Colour = top): void {
    for (let x = 0; x < this.size; x++) {
      const edge = curve((x + 0.5) / this.size) * this.size;
      for (let y = Math.max(0, Math.floor(edge - 1)); y < this.size; y++) {
        const coverage = Math.min(1, Math.max(0, y + 1 - edge));
        const depth = Math.min(1, Math.max(0, (y - edge) / Math.max(1, this.size - edge)));
        this.blend(x, y, mix(top, bottom, depth), coverage);
      }
    }
  }

  /** A filled ellipse; `softness` in pixels widens the edge. */
  ellipse(cx: number, cy: number, rx: number, ry: number, colour: Colour, alpha = 1, softness = 1): void {
    const s = this.size;
    const pad = softness + 1;
    for (let y = Math.max(0, Math.floor((cy - ry) * s - pad)); y < Math.min(s, (cy + ry) * s + pad); y++) {
      for (let x = Math.max(0, Math.floor((cx - rx) * s - pad)); x < Math.min(s, (cx + rx) * s + pad); x++) {
        const distance = Math.hypot(((x + 0.5) / s - cx) / rx, ((y + 0.5) / s - cy) / ry);
        const coverage = Math.min(1, Math.max(0, ((1 - distance) * Math.min(rx, ry) * s) / softness + 0.5));
        if (coverage > 0) this.blend(x, y, colour, coverage * alpha);
      }
    }
  }

  /** A rectangle on pixel borders. */
  rectangle(x0: number, y0: number, x1: number, y1: number, colour: Colour): void {
    const s = this.size;
    for (let y = Math.max(0, Math.round(y0 * s)); y < Math.min(s, Math.round(y1 * s)); y++) {
      for (let x = Math.max(0, Math.round(x0 * s)); x < Math.min(s, Math.round(x1 * s)); x++)
        this.blend(x, y, colour, 1);
    }
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.data, (v) => Math.max(0, Math.min(255, Math.round(v))));
  }
}

export function mix(a: Colour, b: Colour, t: number): Colour {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/** Colour under a light given as factors of red, green and blue. */
export function lit(colour: Colour, light: Colour): Colour {
  return [colour[0] * light[0], colour[1] * light[1], colour[2] * light[2]];
}

function gradientAt(stops: readonly (readonly [number, Colour])[], t: number): Colour {
  for (let i = 1; i < stops.length; i++) {
    const [t0, c0] = stops[i - 1]!;
    const [t1, c1] = stops[i]!;
    if (t <= t1) return mix(c0, c1, Math.max(0, (t - t0) / (t1 - t0)));
  }
  return stops.at(-1)![1];
}
