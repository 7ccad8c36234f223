/**
 * A float RGB picture and the few antialiased shapes that backgrounds and sprites need. Colours are sRGB, 0..255;
 * lengths and places are relative to the side of the square picture unless said otherwise.
 */

export type Colour = readonly [number, number, number];
export type GradientStops = readonly (readonly [number, Colour])[];

/** A picture with straight edges between pixels: RGBA bytes [side, side, 4], alpha premultiplied. */
export interface Sprite {
  readonly side: number;
  readonly data: Uint8ClampedArray;
}

export class Canvas {
  readonly size: number;
  /** [size, size, 3] */
  readonly data: Float32Array;

  constructor(size: number) {
    this.size = size;
    this.data = new Float32Array(size * size * 3);
  }

  /** Vertical gradient through stops at relative heights; covers everything. */
  sky(stops: GradientStops): void {
    for (let y = 0; y < this.size; y++) {
      const [r, g, b] = gradientAt(stops, (y + 0.5) / this.size);
      for (let at = y * this.size * 3, end = at + this.size * 3; at < end; at += 3) {
        this.data[at] = r;
        this.data[at + 1] = g;
        this.data[at + 2] = b;
      }
    }
  }

  /** Everything below a curve y(x), shaded from `top` at its highest point to `bottom` at the picture's edge. */
  below(curve: (x: number) => number, top: Colour, bottom: Colour = top): void {
    const s = this.size;
    const edges = new Float32Array(s);
    let first = s;
    for (let x = 0; x < s; x++) {
      edges[x] = curve((x + 0.5) / s) * s;
      first = Math.min(first, edges[x]!);
    }
    for (let y = Math.max(0, Math.floor(first)); y < s; y++) {
      const colour = mix(top, bottom, Math.min(1, Math.max(0, (y - first) / Math.max(1, s - first))));
      for (let x = 0; x < s; x++) {
        const coverage = y + 1 - edges[x]!;
        if (coverage > 0) this.#blend((y * s + x) * 3, colour, Math.min(coverage, 1));
      }
    }
  }

  /** A filled ellipse; `softness` in pixels widens the edge. */
  ellipse(cx: number, cy: number, rx: number, ry: number, colour: Colour, alpha = 1, softness = 1): void {
    const s = this.size;
    const pad = softness + 1;
    const sharpness = (Math.min(rx, ry) * s) / softness;
    const bottom = Math.min(s, (cy + ry) * s + pad);
    const right = Math.min(s, (cx + rx) * s + pad);
    for (let y = Math.max(0, Math.floor((cy - ry) * s - pad)); y < bottom; y++) {
      const v = ((y + 0.5) / s - cy) / ry;
      for (let x = Math.max(0, Math.floor((cx - rx) * s - pad)); x < right; x++) {
        const u = ((x + 0.5) / s - cx) / rx;
        const coverage = (1 - Math.sqrt(u * u + v * v)) * sharpness + 0.5;
        if (coverage > 0) this.#blend((y * s + x) * 3, colour, Math.min(coverage, 1) * alpha);
      }
    }
  }

  /** A rectangle on pixel borders. */
  rectangle(x0: number, y0: number, x1: number, y1: number, colour: Colour): void {
    const s = this.size;
    const [left, right] = [Math.max(0, Math.round(x0 * s)), Math.min(s, Math.round(x1 * s))];
    for (let y = Math.max(0, Math.round(y0 * s)); y < Math.min(s, Math.round(y1 * s)); y++) {
      for (let x = left; x < right; x++) this.#blend((y * s + x) * 3, colour, 1);
    }
  }

  /** A triangle standing on a level base, its right flank in `shade`. */
  pyramid(cx: number, base: number, halfWidth: number, height: number, colour: Colour, shade: Colour): void {
    const s = this.size;
    for (let y = Math.max(0, Math.floor((base - height) * s)); y < Math.min(s, Math.round(base * s)); y++) {
      const half = halfWidth * s * (1 - (base - (y + 0.5) / s) / height);
      const [left, ridge, right] = [cx * s - half, cx * s + 0.25 * half, cx * s + half];
      for (let x = Math.max(0, Math.floor(left)); x < Math.min(s, right); x++) {
        const coverage = Math.min(x + 1, right) - Math.max(x, left);
        if (coverage > 0) this.#blend((y * s + x) * 3, x + 0.5 < ridge ? colour : shade, Math.min(1, coverage));
      }
    }
  }

  /** Lays a sprite over the picture with its corner at whole pixels; `light` multiplies its colours. */
  stamp({ side, data }: Sprite, left: number, top: number, light: Colour): void {
    const s = this.size;
    for (let y = Math.max(0, -top); y < Math.min(side, s - top); y++) {
      for (let x = Math.max(0, -left); x < Math.min(side, s - left); x++) {
        const from = (y * side + x) * 4;
        const alpha = data[from + 3]!;
        if (alpha === 0) continue;
        const at = ((top + y) * s + left + x) * 3;
        const rest = 1 - alpha / 255;
        for (let c = 0; c < 3; c++) this.data[at + c] = this.data[at + c]! * rest + data[from + c]! * light[c]!;
      }
    }
  }

  /** RGB bytes [size, size, 3], rounded and clamped. */
  toBytes(): Uint8Array {
    return new Uint8Array(new Uint8ClampedArray(this.data).buffer);
  }

  #blend(at: number, colour: Colour, alpha: number): void {
    const data = this.data;
    data[at]! += (colour[0] - data[at]!) * alpha;
    data[at + 1]! += (colour[1] - data[at + 1]!) * alpha;
    data[at + 2]! += (colour[2] - data[at + 2]!) * alpha;
  }
}

export function mix(a: Colour, b: Colour, t: number): Colour {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/** Colour under a light given as factors of red, green and blue. */
export function lit(colour: Colour, light: Colour): Colour {
  return [colour[0] * light[0], colour[1] * light[1], colour[2] * light[2]];
}

function gradientAt(stops: GradientStops, t: number): Colour {
  for (let i = 1; i < stops.length; i++) {
    const [t0, c0] = stops[i - 1]!;
    const [t1, c1] = stops[i]!;
    if (t <= t1) return mix(c0, c1, Math.max(0, (t - t0) / (t1 - t0)));
  }
  return stops.at(-1)![1];
}
