/** Backgrounds: one painter a place, lit by the time of day. Flat shapes, told apart by colour first and form second. */

import { type Canvas, type Colour, type GradientStops, lit } from './canvas.ts';
import type { Place, TimeOfDay } from './catalog.ts';
import type { SceneRandom } from './random.ts';

interface Light {
  readonly sky: GradientStops;
  /** Factors on the colours of things on the ground. */
  readonly ground: Colour;
  /** The same for snow and water, which would lose their colour under the plain factors. */
  readonly snow: Colour;
  readonly water: Colour;
  /** Factors on the colours of objects: never so dark that they are lost. */
  readonly object: Colour;
}

export const lights: Readonly<Record<TimeOfDay, Light>> = {
  day: {
    sky: [
      [0, [74, 160, 240]],
      [0.7, [190, 228, 252]],
    ],
    ground: [1, 1, 1],
    snow: [1, 1, 1],
    water: [1, 1, 1],
    object: [1, 1, 1],
  },
  sunset: {
    sky: [
      [0, [120, 62, 150]],
      [0.35, [240, 104, 88]],
      [0.65, [255, 192, 88]],
    ],
    ground: [0.95, 0.7, 0.62],
    snow: [0.98, 0.84, 0.88],
    water: [1.5, 0.72, 0.72],
    object: [1, 0.92, 0.88],
  },
  night: {
    sky: [
      [0, [8, 10, 40]],
      [0.7, [48, 42, 104]],
    ],
    ground: [0.62, 0.6, 0.7],
    snow: [0.6, 0.68, 0.9],
    water: [0.5, 0.62, 0.78],
    object: [0.92, 0.93, 0.98],
  },
};

interface Painter {
  /** Where sky meets land, relative height. */
  readonly horizon: number;
  paint(canvas: Canvas, horizon: number, light: Light, random: SceneRandom): void;
}

/** A smooth curve of two waves with random phases around a height. */
function hills(random: SceneRandom, height: number, amplitude: number, waves: number): (x: number) => number {
  const [p, q] = [random.uniform() * 6.28, random.uniform() * 6.28];
  return (x) =>
    height - amplitude * (0.6 * Math.sin(waves * 6.28 * x + p) + 0.4 * Math.sin(waves * 2.3 * 6.28 * x + q));
}

/** A zigzag with `peaks` peaks of random heights. */
function zigzag(random: SceneRandom, height: number, rise: number, peaks: number): (x: number) => number {
  const shift = random.uniform();
  const tops = Array.from({ length: peaks + 2 }, () => rise * (0.65 + 0.35 * random.uniform()));
  return (x) => {
    const t = x * peaks + shift;
    return height - tops[Math.floor(t)]! * (1 - Math.abs(2 * (t % 1) - 1));
  };
}

const flowers: readonly Colour[] = [
  [255, 236, 90],
  [255, 255, 255],
  [255, 140, 180],
];

const facades: readonly Colour[] = [
  [120, 134, 164],
  [96, 108, 142],
  [160, 122, 118],
  [134, 146, 170],
];

function paintMeadow(canvas: Canvas, horizon: number, { ground }: Light, random: SceneRandom): void {
  canvas.below(hills(random, horizon - 0.03, 0.05, 1), lit([136, 206, 92], ground));
  canvas.below(hills(random, horizon + 0.05, 0.03, 1), lit([104, 192, 62], ground), lit([64, 150, 42], ground));
  for (let i = 0; i < 16; i++) {
    const y = horizon + 0.12 + random.uniform() * (0.86 - horizon);
    canvas.ellipse(random.uniform(), y, 0.012, 0.012, lit(flowers[random.integer(flowers.length)]!, ground));
  }
}

function paintBeach(canvas: Canvas, horizon: number, { ground, water }: Light, random: SceneRandom): void {
  canvas.below(() => horizon, lit([24, 150, 206], water), lit([80, 214, 222], water));
  const shore = hills(random, horizon + 0.18, 0.02, 0.8);
  canvas.below((x) => shore(x) - 0.025, lit([240, 250, 252], ground));
  canvas.below(shore, lit([252, 230, 168], ground), lit([240, 206, 134], ground));
}

function paintDesert(canvas: Canvas, horizon: number, { ground }: Light, random: SceneRandom): void {
  const left = 0.1 + 0.16 * random.uniform();
  const sides: readonly (readonly [number, number])[] = [
    [left, 0.17],
    [left + 0.6, 0.13],
  ];
  for (const [x, half] of sides)
    canvas.pyramid(x, horizon + 0.06, half, half * 1.25, lit([236, 168, 84], ground), lit([190, 116, 52], ground));
  canvas.below(hills(random, horizon + 0.03, 0.03, 0.7), lit([230, 158, 76], ground));
  canvas.below(hills(random, horizon + 0.14, 0.05, 0.9), lit([240, 172, 88], ground), lit([216, 134, 54], ground));
  canvas.below(hills(random, horizon + 0.3, 0.03, 0.6), lit([226, 148, 66], ground), lit([200, 116, 44], ground));
}

function paintSnow(canvas: Canvas, horizon: number, { snow }: Light, random: SceneRandom): void {
  canvas.below(hills(random, horizon - 0.02, 0.05, 0.8), lit([204, 222, 242], snow));
  canvas.below(hills(random, horizon + 0.06, 0.03, 0.8), lit([250, 252, 255], snow), lit([222, 234, 250], snow));
  for (let i = 0; i < 36; i++) canvas.ellipse(random.uniform(), random.uniform(), 0.01, 0.01, [255, 255, 255], 0.9);
}

function paintSea(canvas: Canvas, horizon: number, { water }: Light, random: SceneRandom): void {
  canvas.below(() => horizon, lit([30, 124, 204], water), lit([10, 66, 150], water));
  for (let row = 0; row < 5; row++) {
    const y = horizon + 0.05 + row * 0.1;
    for (let i = 0; i < 4; i++) {
      const x = (i + random.uniform()) / 4;
      canvas.ellipse(x, y + 0.03 * random.uniform(), 0.075, 0.009, lit([160, 216, 248], water), 0.85);
    }
  }
}

function paintForest(canvas: Canvas, horizon: number, { ground }: Light, random: SceneRandom): void {
  canvas.below(zigzag(random, horizon, 0.46, 7), lit([52, 124, 84], ground), lit([32, 92, 60], ground));
  canvas.below(zigzag(random, horizon + 0.06, 0.32, 5), lit([32, 94, 58], ground), lit([22, 68, 42], ground));
  canvas.below(hills(random, horizon + 0.08, 0.02, 1), lit([104, 92, 50], ground), lit([76, 64, 34], ground));
}

function paintMountains(canvas: Canvas, horizon: number, { ground, snow }: Light, random: SceneRandom): void {
  const ridge = zigzag(random, horizon, 0.48, 3);
  canvas.below(ridge, lit([242, 247, 253], snow));
  const snowLine = (x: number): number => horizon - 0.25 + 0.03 * Math.sin(60 * x);
  canvas.below((x) => Math.max(ridge(x), snowLine(x)), lit([124, 128, 156], ground), lit([98, 102, 130], ground));
  canvas.below(hills(random, horizon + 0.05, 0.02, 1), lit([128, 150, 110], ground), lit([92, 116, 80], ground));
}

function paintCity(canvas: Canvas, horizon: number, { ground }: Light, random: SceneRandom): void {
  const dark = ground[2] > ground[0];
  const window: Colour = dark ? [255, 218, 110] : lit([214, 236, 250], ground);
  for (let x = -0.02; x < 1; ) {
    const width = 0.12 + 0.07 * random.uniform();
    const top = horizon - 0.24 - 0.34 * random.uniform();
    canvas.rectangle(x, top, x + width, 1, lit(facades[random.integer(facades.length)]!, ground));
    for (let wy = top + 0.03; wy < horizon - 0.04; wy += 0.07) {
      for (let wx = x + 0.02; wx < x + width - 0.03; wx += 0.05)
        canvas.rectangle(wx, wy, wx + 0.025, wy + 0.035, window);
    }
    x += width + 0.008;
  }
  canvas.below(() => horizon, lit([112, 114, 124], ground), lit([86, 88, 98], ground));
  for (let i = 0; i < 5; i++)
    canvas.rectangle(i * 0.22 + 0.03, 0.86, i * 0.22 + 0.14, 0.88, lit([244, 238, 200], ground));
}

const painters: Readonly<Record<Place, Painter>> = {
  meadow: { horizon: 0.6, paint: paintMeadow },
  beach: { horizon: 0.48, paint: paintBeach },
  desert: { horizon: 0.54, paint: paintDesert },
  snow: { horizon: 0.58, paint: paintSnow },
  sea: { horizon: 0.5, paint: paintSea },
  forest: { horizon: 0.62, paint: paintForest },
  mountains: { horizon: 0.64, paint: paintMountains },
  city: { horizon: 0.72, paint: paintCity },
};

function paintDaySky(canvas: Canvas, x: number, random: SceneRandom): void {
  canvas.ellipse(x, 0.14, 0.12, 0.12, [255, 244, 190], 0.35, 6);
  canvas.ellipse(x, 0.14, 0.075, 0.075, [255, 220, 70]);
  for (let i = 0; i < 2; i++) {
    const [cx, cy] = [random.uniform(), 0.1 + 0.16 * random.uniform()];
    canvas.ellipse(cx - 0.05, cy, 0.039, 0.03, [255, 255, 255], 0.9);
    canvas.ellipse(cx, cy, 0.055, 0.042, [255, 255, 255], 0.9);
    canvas.ellipse(cx + 0.05, cy, 0.039, 0.03, [255, 255, 255], 0.9);
  }
}

function paintSunsetSky(canvas: Canvas, x: number, horizon: number): void {
  canvas.ellipse(x, horizon - 0.06, 0.2, 0.2, [255, 226, 150], 0.35, 12);
  canvas.ellipse(x, horizon - 0.06, 0.1, 0.1, [255, 242, 180]);
}

function paintNightSky(canvas: Canvas, x: number, horizon: number, random: SceneRandom): void {
  for (let i = 0; i < 40; i++) {
    const r = 0.004 + 0.005 * random.uniform();
    canvas.ellipse(random.uniform(), random.uniform() * horizon, r, r, [255, 255, 240], 0.95);
  }
  canvas.ellipse(x, 0.15, 0.11, 0.11, [200, 200, 230], 0.18, 6);
  canvas.ellipse(x, 0.15, 0.07, 0.07, [250, 244, 210]);
  canvas.ellipse(x - 0.02, 0.135, 0.016, 0.016, [226, 216, 176]);
  canvas.ellipse(x + 0.025, 0.17, 0.012, 0.012, [226, 216, 176]);
}

/** Paints sky, sun or moon, and the land of a place. */
export function paintBackground(canvas: Canvas, place: Place, time: TimeOfDay, random: SceneRandom): void {
  const painter = painters[place];
  const light = lights[time];
  const horizon = painter.horizon + 0.06 * (random.uniform() - 0.5);
  const x = random.uniform() < 0.5 ? 0.1 + 0.12 * random.uniform() : 0.78 + 0.12 * random.uniform();
  canvas.sky(light.sky);
  if (time === 'day') paintDaySky(canvas, x, random);
  else if (time === 'sunset') paintSunsetSky(canvas, x, horizon);
  else paintNightSky(canvas, x, horizon, random);
  painter.paint(canvas, horizon, light, random);
}
